// SPDX-License-Identifier: Apache-2.0
// What the commands do, one file each. An error ends a command with exit code 1; main prints it.
#pragma once

#include "cli/command_line.hpp"
#include "cli/session.hpp"

namespace calotype {

Result<void> run(const ServeCommand& command, Session& session);
Result<void> run(const WorkerCommand& command, Session& session);
/// Goes on with the next file after an error; the last error is the result, the others are printed.
Result<void> run(const PutCommand& command, Session& session);
Result<void> run(const GetCommand& command, Session& session);
Result<void> run(const ListCommand& command, Session& session);
Result<void> run(const ShowCommand& command, Session& session);
Result<void> run(const DeleteCommand& command, Session& session);
Result<void> run(const TakedownCommand& command, Session& session);
Result<void> run(const JobsCommand& command, Session& session);
Result<void> run(const RetryCommand& command, Session& session);
Result<void> run(const KeyCreateCommand& command, Session& session);
Result<void> run(const KeyListCommand& command, Session& session);
Result<void> run(const KeyRevokeCommand& command, Session& session);
Result<void> run(const ConfigCommand& command, Session& session);
Result<void> run(const SignCommand& command, Session& session);
Result<void> run(const MigrateStoreCommand& command, Session& session);
/// Goes on with the next file after an error; errors are listed at the end.
Result<void> run(const ImportCommand& command, Session& session);
/// blob_corrupt where something is wrong and was not mended; the report is out by then.
Result<void> run(const VerifyCommand& command, Session& session);
Result<void> run(const DuplicatesCommand& command, Session& session);
Result<void> run(const MergeCommand& command, Session& session);
Result<void> run(const StorageCheckCommand& command, Session& session);
Result<void> run(const StorageLifecycleCommand& command, Session& session);

/// The layers of this process, with the command's flags on top.
Result<Settings> load_settings(const ConfigOptions& options);

/// "calotype put: TOO_LARGE: …" on the session's error stream.
void print_error(Session& session, std::string_view command, const Error& error);

}  // namespace calotype
