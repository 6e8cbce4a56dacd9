export function Speed() {
  return <section class="card" />;
}
