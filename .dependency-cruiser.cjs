// Imports point down this list only; a folder may import itself and those after it.
const order = [
  "src/cli",
  "src/(checkpoints|check|distributed|integrations)",
  "src/(megengine|index)",
  "src/layers",
  "src/functional",
  "src/backends",
  "src/plan",
  "src/tensor",
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    ...order.slice(1).map((lower, index) => ({
      name: `imports-point-down-to-${lower}`,
      severity: "error",
      from: { path: `^${lower}(/|\\.)` },
      to: { path: `^(${order.slice(0, index + 1).join("|")})(/|\\.)` },
    })),
    {
      name: "core-has-no-dependencies",
      comment: "What the CLI or one subpath needs stays out of the core's import graph.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(cli|checkpoints)/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"] },
    },
    {
      name: "checkpoints-may-read-zip",
      severity: "error",
      from: { path: "^src/checkpoints/" },
      to: {
        dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"],
        pathNot: "^node_modules/@zip\\.js/",
      },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js"] },
  },
};
