# For other scripts to source: tools that they install where they lack.

apt_is_fresh=no

# What Debian asks whether the server of a package may be started.
policy=/usr/sbin/policy-rc.d

# need <command> <apt package>: installs the package unless the command is there. If it brings a server, that is not
# started: a test starts its own.
need() {
    command -v "$1" >/dev/null && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "$0: $1 is missing; install the package $2" >&2; return 1; }
        as_root=(sudo)
    fi
    echo "installing $2, for $1"
    if [ "$apt_is_fresh" = no ]; then
        "${as_root[@]}" apt-get -qq update
        apt_is_fresh=yes
    fi
    local status=0 own_policy=no
    if [ ! -e "$policy" ]; then
        own_policy=yes
        # 101: not allowed.
        "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null || status=$?
    if [ "$own_policy" = yes ]; then "${as_root[@]}" rm "$policy"; fi
    return "$status"
}

# need_cargo <cargo subcommand> <version>: installs exactly that version from the registry, unless it is there.
need_cargo() {
    cargo install --list | grep -qx "cargo-$1 v$2:" && return
    echo "installing cargo-$1 $2"
    cargo install --quiet --locked "cargo-$1@$2"
}
