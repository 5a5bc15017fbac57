# What the lab and the tests need from Debian; sourced by lab/up, lab/test and lab/sqlx-prepare. Installs what is missing
# and nothing else, says so, and starts no service of its own accord.

# Prints the package a program is missing from, for each program that is missing.
missing_packages() {
    command -v cc >/dev/null 2>&1 || echo gcc libc6-dev
    newest_postgres >/dev/null || echo postgresql-15
    command -v psql >/dev/null 2>&1 || echo postgresql-client
    command -v radclient >/dev/null 2>&1 || echo freeradius-utils
    # Only beside a Python that is there: one test compares codecs with it, and says that it skips.
    [ ! -x /usr/bin/python3 ] || /usr/bin/python3 -c 'import pyrad' 2>/dev/null || echo python3-pyrad
    # Others come from PyPI, into an environment the test makes; it says that it skips.
    [ ! -x /usr/bin/python3 ] || /usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    # Its dissector reads what our writers write; without a right to listen, which it does not need for that.
    command -v tshark >/dev/null 2>&1 || echo tshark
    PATH="$PATH:/usr/sbin:/sbin" command -v hostapd >/dev/null 2>&1 || echo hostapd
    PATH="$PATH:/usr/sbin:/sbin" command -v radsecproxy >/dev/null 2>&1 || echo radsecproxy
    [ -x /usr/sbin/freeradius ] || echo freeradius
    # The import is held against FreeRADIUS on its own database.
    [ -e /usr/lib/freeradius/rlm_sql_postgresql.so ] || echo freeradius-postgresql
    PATH="$PATH:/usr/sbin:/sbin" command -v wpa_supplicant >/dev/null 2>&1 || echo wpasupplicant
    # For the console: Debian's Node 18 is enough, and a newer one that is there stays. The browser is for its tests.
    command -v node >/dev/null 2>&1 || echo nodejs
    command -v npm >/dev/null 2>&1 || echo npm
    command -v chromium >/dev/null 2>&1 || echo chromium
    command -v oathtool >/dev/null 2>&1 || echo oathtool
    command -v eapol_test >/dev/null 2>&1 || echo eapoltest
    # Who makes hashes of passwords that one test takes over; slapd's slappasswd is asked where it is, and not installed.
    command -v mkpasswd >/dev/null 2>&1 || echo whois
    command -v htpasswd >/dev/null 2>&1 || echo apache2-utils
    command -v openssl >/dev/null 2>&1 || echo openssl
    PATH="$PATH:/usr/sbin:/sbin" command -v mkfs.ext4 >/dev/null 2>&1 || echo e2fsprogs
    ls /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib/faketime/libfaketimeMT.so.1 2>/dev/null | grep -q . || echo libfaketime
}

# The same for lab/bench, which also measures FreeRADIUS and its PostgreSQL module.
missing_bench_packages() {
    missing_packages
    [ -x /usr/sbin/freeradius ] || command -v radiusd >/dev/null 2>&1 || echo freeradius
}

# Prints the directory of the newest PostgreSQL server of version 15 or later; fails when there is none.
newest_postgres() {
    for postgres in /usr/lib/postgresql/*/bin/postgres /usr/local/pgsql/bin/postgres $(command -v postgres || true); do
        [ -x "$postgres" ] && [ -x "$(dirname "$(readlink -f "$postgres")")/initdb" ] || continue
        major=$("$postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
        [ "${major:-0}" -ge 15 ] && echo "$major $(dirname "$(readlink -f "$postgres")")"
    done | sort -rn | sed -n '1s/^[0-9]* //p' | grep .
}

# Installs what is missing as root; otherwise says what is missing and how to get it. The first argument is where apt's
# output goes, the second the function that tells what is missing, when it is not the usual one.
install_packages() {
    packages=$("${2:-missing_packages}" | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "missing: $packages"
        echo "  what needs them is skipped or fails; to install them: sudo apt-get install --no-install-recommends $packages"
        return 0
    fi
    echo "installing what is missing: $packages"
    export DEBIAN_FRONTEND=noninteractive
    quiet_postgres_begin
    quiet_services_begin
    if ! { apt-get install -y -q --no-install-recommends $packages ||
           { apt-get update -q && apt-get install -y -q --no-install-recommends $packages; }; } >"$1" 2>&1; then
        quiet_postgres_end
        quiet_services_end
        tail -n 20 "$1"
        echo "apt-get failed; its output is in $1"
        return 1
    fi
    quiet_postgres_end
    quiet_services_end
}

# Debian makes and starts a cluster of its own when a PostgreSQL server is installed. Headend brings its own, so while we
# install one for the first time this is switched off, and afterwards everything is as it was.
quiet_postgres=/etc/postgresql-common/createcluster.d/headend-lab.conf
quiet_postgres_begin() {
    case "$packages" in *postgresql-1*) ;; *) return 0 ;; esac
    mkdir -p "$(dirname "$quiet_postgres")"
    echo "create_main_cluster = false" >"$quiet_postgres"
}
quiet_postgres_end() { rm -f "$quiet_postgres"; }

# Debian starts the service of a server when it is installed, unless a policy says no. One that is there is not ours to
# replace; ours is removed again.
quiet_services=/usr/sbin/policy-rc.d
quiet_services_made=no
quiet_services_begin() {
    case "$packages" in *freeradius*|*radsecproxy*) ;; *) return 0 ;; esac
    [ ! -e "$quiet_services" ] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$quiet_services"
    chmod 755 "$quiet_services"
    quiet_services_made=yes
}
quiet_services_end() {
    [ "$quiet_services_made" = no ] || rm -f "$quiet_services"
    quiet_services_made=no
}
