# For other scripts to source: a private PostgreSQL server, on a free port of 127.0.0.1 and a Unix socket.
# Expects scripts/need.sh to be sourced.

# Debian has the binaries where a PATH does not lead.
find_postgres() {
    local folder
    for folder in /usr/lib/postgresql/*/bin; do
        if [ -x "$folder/initdb" ]; then PATH=$folder:$PATH; fi
    done
}

# need_postgres: installs the server if there is none. `postgres_as` is what runs a command as a user that a server may
# run as, which root may not.
need_postgres() {
    find_postgres
    need initdb postgresql
    find_postgres
    postgres_as=()
    if [ "$(id -u)" -eq 0 ]; then postgres_as=(setpriv --reuid=postgres --regid=postgres --init-groups); fi
}

# start_postgres <folder>: starts a server whose files are in that folder, which does not exist yet. Sets `postgres_url`
# and `postgres_pid`.
start_postgres() {
    local folder=$1 port tries
    mkdir "$folder"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$folder"; fi
    "${postgres_as[@]}" initdb --pgdata "$folder/data" --username postgres --auth trust --encoding UTF8 --no-sync >"$folder.log"
    for tries in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 30000))
        # It is taken if this succeeds.
        if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue; fi
        # In the background, so that its id is that of the server: setpriv becomes the server.
        "${postgres_as[@]}" postgres -D "$folder/data" -k "$folder" -h 127.0.0.1 -p "$port" -c max_connections=400 \
            >>"$folder.log" 2>&1 &
        postgres_pid=$!
        until psql -h "$folder" -p "$port" -U postgres -c '' postgres >/dev/null 2>&1; do
            # Another process may have taken the port.
            kill -0 "$postgres_pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        postgres_url=postgres://postgres@127.0.0.1:$port/postgres
        return
    done
    cat "$folder.log" >&2
    return 1
}

# stop_postgres <pid>: stops it, and waits until it has ended.
stop_postgres() {
    kill -INT "$1" 2>/dev/null || return 0
    wait "$1" || true
}
