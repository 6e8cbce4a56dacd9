export function Check() {
  return <section class="card" />;
}
