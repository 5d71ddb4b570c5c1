// An agent in sixty lines: tuf-js and the documented routes, nothing of Tidegate's.
// node reader.js FOLDER URL ROOT PRODUCT/CHANNEL AGENT_ID PLATFORM [RING]  ->  one JSON document
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Updater } from "tuf-js";

const [folder, url, root, channel, agent, platform, ring] = process.argv.slice(2);
const [product] = channel.split("/");
const metadataDir = join(folder, "metadata");
const targetDir = join(folder, "targets");
const digest = (data) => createHash("sha256").update(data).digest("hex");

mkdirSync(metadataDir, { recursive: true });
mkdirSync(targetDir, { recursive: true });
copyFileSync(root, join(metadataDir, "root.json"));
const updater = new Updater({
  metadataDir,
  targetDir,
  metadataBaseUrl: `${url}/metadata`,
  targetBaseUrl: `${url}/targets`,
  config: { prefixTargetsWithHash: true },
});

async function download(path) {
  const target = await updater.getTargetInfo(path);
  if (target === undefined) throw new Error(`no target ${path}`);
  const file = await updater.downloadTarget(target, join(targetDir, path.replaceAll("/", "_")));
  return { target, data: readFileSync(file) };
}

function routes(salt) {
  const place = digest(`${salt}/${agent}`);
  const own = digest(agent).slice(0, 16);
  const prefixes = [4, 3, 2, 1].map((digits) => place.slice(0, digits));
  const rings = ring ? [`ring-${ring}`] : [];
  return [`pick-${own}`, own, ...rings, ...prefixes, "default"];
}

async function order(salt) {
  for (const route of routes(salt)) {
    const target = await updater.getTargetInfo(`rollout/${channel}/${route}`);
    if (target !== undefined) return { route, target };
  }
  throw new Error("nothing was ordered");
}

await updater.refresh();
const policy = JSON.parse((await download(`rollout/${channel}/policy`)).data);
const { route, target } = await order(policy.salt);
const { data: body } = await download(target.path);
const release = JSON.parse(body);
const same = await download(`releases/${product}/${release.version}/release.json`);
const artifact = release.artifacts.find((one) => one.platform === platform);
const { target: listed, data } = await download(artifact.path);
console.log(
  JSON.stringify({
    route,
    wave: target.custom.tidegate.wave,
    version: release.version,
    agree: digest(body) === digest(same.data),
    artifact: { path: artifact.path, listed: listed.hashes.sha256, sha256: digest(data), bytes: data.length },
  }),
);
