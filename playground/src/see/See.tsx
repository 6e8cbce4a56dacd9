export function See() {
  return <section class="card" />;
}
