#!/bin/sh
# PyTorch of another Debian release than the system's, in a folder of its own, for --python. Nothing of the system changes.
#   bench/install-pytorch.sh DIR [SUITE]     SUITE: forky by default, whose PyTorch was 2.14.1 in October 2026
# Needs an amd64 machine, mmdebstrap and 1.3 GB.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 DIR [SUITE]" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$0: expected a DIR that does not exist, got $1" >&2; exit 2; }
command -v mmdebstrap > /dev/null || { echo "$0: mmdebstrap is missing (apt-get install mmdebstrap)" >&2; exit 1; }

# A mirror that is no longer updated has a release file out of date; its signature is still checked.
mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
  --include=python3-torch,python3-numpy "${2:-forky}" "$1" http://deb.debian.org/debian || { rm -rf "$1"; exit 1; }

root=$(cd "$1" && pwd)
lib=$root/usr/lib/x86_64-linux-gnu
# The folder's own loader and C library: the system's may be older.
cat > "$root/python3" << END
#!/bin/sh
export PYTHONHOME="$root/usr" PYTHONPATH="$root/usr/lib/python3/dist-packages" PYTHONNOUSERSITE=1
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$root/usr/lib:$lib/blas:$lib/lapack" \\
  "$(ls "$root"/usr/bin/python3.[0-9]* | head -n 1)" "\$@"
END
chmod +x "$root/python3"
"$root/python3" -c 'import torch; print("PyTorch", torch.__version__)'
echo "npm run bench -- --python $root/python3"
