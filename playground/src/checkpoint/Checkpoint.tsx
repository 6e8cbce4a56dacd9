export function Checkpoint() {
  return <section class="card" />;
}
