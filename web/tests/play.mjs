// SPDX-License-Identifier: Apache-2.0
// node play.mjs SCENARIO URL FOLDER: plays one scenario against the server at URL. FOLDER gets the
// screenshots; the first line of standard input is what the scenario needs to know, as JSON. What
// only its caller can do it asks for by a line on standard output, and goes on when a line comes
// back. Exit status 0 where everything was as it should be; otherwise what was not is on standard
// error, and failure.png shows it.
import { createInterface } from "node:readline";
import { scenarios as crops } from "./crop_scenarios.mjs";
import { scenarios } from "./scenarios.mjs";
import { scenarios as library } from "./library_scenarios.mjs";
import { scenarios as live } from "./live_scenarios.mjs";
import { Stage } from "./stage.mjs";

const [name, url, folder] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const line = async () => (await lines.next()).value;
const stage = new Stage(url, folder, line);
try {
  const told = JSON.parse(await line());
  await stage.begin();
  await { ...scenarios, ...library, ...live, ...crops }[name](stage, told);
  stage.judge();
} catch (error) {
  console.error(error.stack ?? error);
  console.error(stage.complaints);
  await stage.shotOfLast("failure").catch(() => undefined);
  process.exitCode = 1;
} finally {
  await stage.end();
  process.stdin.destroy();
}
