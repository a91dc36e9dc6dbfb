// SPDX-License-Identifier: Apache-2.0
// node play.mjs SCENARIO URL FOLDER: plays one scenario against the server at URL. FOLDER gets the
// screenshots; standard input is what the scenario needs to know, as JSON. Exit status 0 where
// everything was as it should be; otherwise what was not is on standard error, and failure.png
// shows it.
import { readFileSync } from "node:fs";
import { scenarios } from "./scenarios.mjs";
import { Stage } from "./stage.mjs";

const [name, url, folder] = process.argv.slice(2);
const stage = new Stage(url, folder);
try {
  await stage.begin();
  await scenarios[name](stage, JSON.parse(readFileSync(0, "utf8")));
  stage.judge();
} catch (error) {
  console.error(error.stack ?? error);
  await stage.shotOfLast("failure").catch(() => undefined);
  process.exitCode = 1;
} finally {
  await stage.end();
}
