# For other scripts to source: a folder for what the suites in tests/clients leave behind, which goes with the script.
# Expects `target`, cargo's target directory, and `clients`, the folder of the suites.

scratch=$(mktemp -d)
export STOREFRONT_BIN=$target/release/storefront
export QUICKSTART_BIN=$target/release/examples/quickstart
export STOREFRONT_SCRATCH=$scratch

# The suites stop what they start; what is left of one that was cut off itself is stopped here, by its id.
clean_up() {
    local file pid place
    for file in "$scratch"/{storefront,provider,quickstart,nginx,postgres}-*.pid; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        # Another process may have the id by now.
        case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in
            "$STOREFRONT_BIN "* | "$QUICKSTART_BIN "* | *"/$clients/provider-server.mjs "*) kill -KILL "$pid" ;;
            "nginx "*" $scratch/"*) kill -KILL "$pid" ;;
            # At once, with its sessions.
            "postgres -D $scratch/"*) kill -QUIT "$pid" ;;
        esac
    done
    # Of the suite of faults: file systems, the last one first, and files that can't be removed.
    awk -v inside="$scratch/" 'index($2, inside) == 1 { print $2 }' /proc/mounts 2>/dev/null | tac |
        while read -r place; do umount -l "$place"; done
    rm -rf "$scratch" 2>/dev/null || { chattr -R -i "$scratch" && rm -rf "$scratch"; }
}
trap clean_up EXIT
