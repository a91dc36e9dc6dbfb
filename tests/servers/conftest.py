# SPDX-License-Identifier: Apache-2.0
"""Nothing but that pytest finds these modules, for the tests here and for those of other folders."""
