#!/usr/bin/env bash
# Two network namespaces joined by veth stand for two hosts: mpirun on the first starts ranks on both, and the group must
# give the bits of one process; then a rank of the second host is killed in mid-step, and every other rank must say so.
# Needs root, iproute2 and Open MPI; `npm run build` first. Where namespaces are not permitted it says so and ends with 77.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "skipped: $1"; exit 77; }
command -v mpirun >/dev/null || skip "no mpirun here (apt-get install openmpi-bin libopenmpi3)"
command -v ip >/dev/null || skip "no ip here (apt-get install iproute2)"

id=ek$$
work=$(mktemp -d)
clean() {
  ip netns del "$id-a" 2>/dev/null || true
  ip netns del "$id-b" 2>/dev/null || true
  rm -rf "$work" /etc/netns/"$id-a" /etc/netns/"$id-b"
}
trap clean EXIT
ip netns add "$id-a" 2>/dev/null || skip "network namespaces are not permitted here"
ip netns add "$id-b"
ip link add "$id-a0" type veth peer name "$id-b0" 2>/dev/null || skip "veth is not permitted here"
ip link set "$id-a0" netns "$id-a"
ip link set "$id-b0" netns "$id-b"
ip -n "$id-a" addr add 10.77.0.1/24 dev "$id-a0"
ip -n "$id-b" addr add 10.77.0.2/24 dev "$id-b0"
for host in a b; do
  ip -n "$id-$host" link set lo up
  ip -n "$id-$host" link set "$id-${host}0" up
done

# What mpirun takes for ssh: the first argument is the host, the rest a command for its shell. The second host has its
# own name, as machines do.
cat >"$work/rsh" <<EOF
#!/usr/bin/env bash
shift
exec ip netns exec $id-b unshare --uts bash -c "hostname $id-b; \$*"
EOF
chmod +x "$work/rsh"

on_two_hosts() { # RANKS_PER_HOST TASK ARGUMENT REPORT
  ip netns exec "$id-a" timeout 60 mpirun --allow-run-as-root --oversubscribe \
    --host "10.77.0.1:$1,10.77.0.2:$1" -n $((2 * $1)) --map-by node \
    --mca odls_base_sigkill_timeout 3 --mca plm_rsh_agent "$work/rsh" --mca plm_rsh_no_tree_spawn 1 \
    --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
    node tests/distributed/programs/mpi.mjs "$2" "$3" "$4" 10
}

check() { # PROGRAM REPORT...
  node -e '
    const [program, ...files] = process.argv.slice(1);
    const read = (file) => require("node:fs").readFileSync(file, "utf8").trim().split("\n").map(JSON.parse);
    const reports = files.map((file) => read(file).sort((a, b) => a.rank - b.rank));
    new Function("reports", "assert", program)(reports, require("node:assert/strict"));
  ' "$@"
}

on_two_hosts 2 train '[1,9,20]' "$work/four"
mpirun --allow-run-as-root -n 1 node tests/distributed/programs/mpi.mjs train '[]' "$work/one" 10
check '
  const [four, [one]] = reports;
  assert.equal(four.length, 4);
  for (const { running } of four) assert.equal(running, one.running);
  for (const key of ["y", "dx"]) assert.equal(four.map((rank) => rank[key]).join(""), one[key]);
' "$work/four" "$work/one"
echo "passed: four ranks on two hosts have the bits of one process"

started=$SECONDS
on_two_hosts 2 fail '"kill"' "$work/killed" 2>"$work/stderr" || true
cat "$work/killed"
check '
  const [others] = reports;
  assert.deepEqual(others.map(({ rank }) => rank), [0, 2, 3]);
  for (const { error, isUnchanged } of others) {
    assert.match(error, /SyncBatchNorm layer1\.bn1, forward: .*rank 1 /);
    assert.ok(isUnchanged);
  }
' "$work/killed" || { cat "$work/stderr"; exit 1; }
[ $((SECONDS - started)) -le 30 ] || { echo "it took $((SECONDS - started)) s"; exit 1; }
echo "passed: a killed rank is named by all others within $((SECONDS - started)) s"

sleep 1
left=$(ip netns pids "$id-a"; ip netns pids "$id-b")
[ -z "$left" ] || { echo "processes left behind: $left"; exit 1; }
echo "passed: no process left behind"
