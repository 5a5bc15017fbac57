# How the console gets into the binary; sourced by lab/up and lab/test, before cargo builds. Without Node, or without what npm
# has to fetch, it says so and the server is built without the console.

# Whether there is a Node that builds it: 18 or newer, with npm.
console_node() {
    command -v npm >/dev/null 2>&1 || return 1
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 18 ]
}

# What the console is made of, in one line: the same line means that there is nothing to build.
console_sources() {
    (cd "$root" && { find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/e2e -prune -o \
        -name schema.d.ts -prune -o -type f -print; echo docs/openapi.json; } | LC_ALL=C sort | xargs sha256sum) | sha256sum
}

# Fetches what the lock file names, once.
console_install() {
    [ ! -e "$root/web/node_modules/.package-lock.json" ] ||
        [ "$root/web/node_modules/.package-lock.json" -ot "$root/web/package-lock.json" ] || return 0
    (cd "$root/web" && npm ci --no-audit --no-fund)
}

# Builds it into web/dist, from where controller/build.rs takes it. The argument is where npm's output goes.
console_build() {
    if ! console_node; then
        echo "the console is left out: it needs Node 18 or newer and npm (apt-get install nodejs npm)"
        return 0
    fi
    made=$(console_sources)
    [ "$(cat "$root/web/dist/.made" 2>/dev/null)" != "$made" ] || return 0
    echo "building the console"
    if ! console_install >"$1" 2>&1; then
        tail -n 5 "$1"
        echo "the console is left out: npm could not fetch what it is made of; its output is in $1"
        return 0
    fi
    if ! (cd "$root/web" && npm run build) >>"$1" 2>&1; then
        tail -n 30 "$1"
        echo "the console does not build; npm's output is in $1"
        return 1
    fi
    echo "$made" >"$root/web/dist/.made"
}
