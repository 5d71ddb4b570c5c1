// One look at a repository by tuf-js: node tufjs_client.js MODULES FOLDER URL ROOT TARGET
// MODULES is where tuf-js is installed; the target is here already, or is fetched.
const { createRequire } = require("node:module");
const { copyFileSync, existsSync, mkdirSync } = require("node:fs");
const { join } = require("node:path");

const [modules, folder, url, root, wanted] = process.argv.slice(2);
const { Updater } = createRequire(join(modules, "index.js"))("tuf-js");
const metadataDir = join(folder, "metadata");
const targetDir = join(folder, "targets");

async function main() {
  mkdirSync(metadataDir, { recursive: true });
  mkdirSync(targetDir, { recursive: true });
  if (!existsSync(join(metadataDir, "root.json"))) copyFileSync(root, join(metadataDir, "root.json"));
  const updater = new Updater({
    metadataDir,
    targetDir,
    metadataBaseUrl: `${url}/metadata`,
    targetBaseUrl: `${url}/targets`,
    config: { prefixTargetsWithHash: true },
  });
  await updater.refresh();
  const target = await updater.getTargetInfo(wanted);
  if (target === undefined) throw new Error(`no target ${wanted}`);
  const path = join(targetDir, wanted.replaceAll("/", "_"));
  if (!(await updater.findCachedTarget(target, path))) await updater.downloadTarget(target, path);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
