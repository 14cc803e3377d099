#!/usr/bin/env bash
# make try: a service from nothing. Scaffolds, builds, runs, calls every rpc, stops it.
#   samples/try.sh STAGE FOLDER
set -euo pipefail
stage=$1
folder=$2
samples=$(cd "$(dirname "$0")" && pwd)
export PATH="$stage/bin:$PATH"
unset MAKEFLAGS MFLAGS MAKELEVEL
export PKG_CONFIG_PATH="$stage/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"

# Shows a command as it would be typed: bold on a terminal, quoted where it must be.
bold= plain=
if [ -t 1 ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi
say() {
    local word line=
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%+-]*) line+=" \"$word\"" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '\n%s$%s%s\n' "$bold" "$line" "$plain"
}
run() { say "$@"; "$@"; }
client() {
    say build/user-service-client "$@"
    build/user-service-client --addr "$address" "$@"
}

rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
run c-svc new-service user-service --proto "$samples/user/proto/user.proto"
cd user-service
run make

say build/user-service
GRPC_ADDR=127.0.0.1:0 ADMIN_ADDR=127.0.0.1:0 build/user-service 2> server.log &
server=$!
trap 'kill "$server" 2> /dev/null || true' EXIT
address=
for _ in $(seq 200); do
    address=$(sed -n 's/.*listening grpc=\([^ ]*\).*/\1/p' server.log)
    [ -z "$address" ] || break
    kill -0 "$server" 2> /dev/null || break
    sleep 0.05
done
cat server.log
if [ -z "$address" ]; then
    echo "the service did not start; see $PWD/server.log" >&2
    exit 1
fi

client create-user --username ada --email ada@example.org --full-name "Ada Lovelace"
client create-user --username grace --email grace@example.org --full-name "Grace Hopper"
client get-user --id 1
client update-user --id 1 --username ada --email ada@example.org --full-name "Ada King"
client list-users
client delete-user --id 2
say build/user-service-client get-user --id 2
if build/user-service-client --addr "$address" get-user --id 2; then
    echo "get-user found a user that was deleted" >&2
    exit 1
fi

say kill -TERM "$server"
kill -TERM "$server"
status=0
wait "$server" || status=$?
trap - EXIT
tail -n 2 server.log
if [ "$status" != 0 ]; then
    echo "the service ended with $status instead of 0" >&2
    exit 1
fi

cat << END

That was a gRPC service in C: $PWD

Next, a service of your own:
    export PATH=$stage/bin:\$PATH PKG_CONFIG_PATH=$stage/lib/pkgconfig
    c-svc new-service my-service            (or --proto FILE for your own contract)
    cd my-service && make run
Or install c-svc first: make install PREFIX=/usr/local. Then read docs/tutorial.md.
END
