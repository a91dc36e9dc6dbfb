# SPDX-License-Identifier: Apache-2.0
"""PgBouncer in transaction mode before a PostgreSQL: a connection is another backend's in the next
transaction, and prepared statements are kept track of."""

from server_process import ServerProcess, give

SETTINGS = """\
[databases]
* = host=127.0.0.1 port={target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = postgres
pool_mode = transaction
max_prepared_statements = 200
max_client_conn = 1000
default_pool_size = 40
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer(ServerProcess):
    name = "PgBouncer"

    def __init__(self, folder, postgres):
        super().__init__(folder)
        self.postgres = postgres
        self.settings = self.folder / "pgbouncer.ini"
        self.url = f"postgresql://postgres:{postgres.password}@127.0.0.1:{self.port}"

    def prepare(self):
        users = self.folder / "users"
        users.write_text(f'"postgres" "{self.postgres.password}"\n')
        users.chmod(0o600)
        give(users)
        self.settings.write_text(
            SETTINGS.format(port=self.port, target=self.postgres.port, users=users))

    def command(self):
        return ["pgbouncer", self.settings]
