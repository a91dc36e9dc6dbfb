# SPDX-License-Identifier: Apache-2.0
"""Nothing, but that pytest finds the modules of this folder."""
