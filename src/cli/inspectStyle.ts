/** The report's style: one column on a phone, light and dark as the reader's system is. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --page: #fbfcfd; --card: #ffffff; --text: #17212b; --quiet: #566573; --line: #d5dde4;
  --accent: #0b6e6e; --warm: #b04a00; --bad: #b3261e; --good: #1b6b3a; --cool: #1f5fa8;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  background: var(--page); color: var(--text);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10161b; --card: #182028; --text: #e4ebf1; --quiet: #9fb0be; --line: #2f3b46;
    --accent: #5cd1c2; --warm: #ffb27a; --bad: #ff9b91; --good: #7fdc9f; --cool: #8fc1ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem clamp(0.8rem, 3vw, 2rem) 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 0.7rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0.25rem 0; }
h2 + p { margin-bottom: 0.7rem; }
a { color: inherit; text-decoration-color: var(--accent); text-underline-offset: 0.15em; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
bdi { font-family: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace; font-size: 0.92em; }
.quiet { color: var(--quiet); }
.small { font-size: 0.85rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.7rem; padding: 0.9rem 1.1rem; }
.card + .card { margin-top: 0.7rem; }
.verdict { margin-top: 1rem; border-left: 0.4rem solid var(--good); font-size: 1.05rem; }
.verdict.warning { border-left-color: var(--warm); }
.verdict.error { border-left-color: var(--bad); }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 0.6em; font-size: 0.8rem; white-space: nowrap; }
.ok { color: var(--good); } .note { color: var(--cool); } .warning { color: var(--warm); } .error { color: var(--bad); }
.card.verdict { color: var(--text); }
.finding ul { margin: 0.4rem 0; padding-left: 1.2rem; }
.finding dl { display: grid; grid-template-columns: auto 1fr; gap: 0.15rem 0.8rem; margin: 0.4rem 0 0; }
dt { color: var(--quiet); } dd { margin: 0; }
.head { display: flex; flex-wrap: wrap; gap: 0.2rem 0.7rem; align-items: baseline; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.35rem 0.9rem 0.35rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: baseline; }
tr:last-child > td, tr:last-child > th[scope="row"] { border-bottom: 0; }
th[scope="row"] > * { display: inline-block; width: max-content; max-width: min(18rem, 42vw); white-space: normal; }
th { font-weight: 500; } thead th { color: var(--quiet); font-weight: normal; }
.number { text-align: right; }
.bars { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: var(--accent); white-space: pre; line-height: 1; }
figure { margin: 0; }
figcaption { font-size: 0.85rem; color: var(--quiet); }
figure.card figcaption { font-size: 1rem; color: var(--text); }
svg { display: block; max-width: 100%; height: auto; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.4rem, 45%), 1fr)); gap: 0.8rem 1.2rem; margin-top: 0.7rem; }
.wide { display: none; }
@media (min-width: 46rem) { .wide { display: block; } .narrow { display: none; } }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.2rem; font-size: 0.85rem; color: var(--quiet); margin: 0.3rem 0 0.6rem; }
details > summary { cursor: pointer; color: var(--quiet); font-size: 0.88rem; margin-top: 0.6rem; }
@media print { :root { background: #fff; } .card { break-inside: avoid; } }
`;
