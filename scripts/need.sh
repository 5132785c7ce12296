# For other scripts to source: tools that they install where they lack.

apt_is_fresh=no

# need <command> <apt package>: installs the package unless the command is there.
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
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null
}
