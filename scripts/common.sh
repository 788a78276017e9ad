# shellcheck shell=sh
# common.sh
#   What the scripts share: the checkout, the PostgreSQL in use, and who runs
#   what.  PostgreSQL refuses to run as root, so root hands servers and tests to
#   the user postgres, who works in a copy of the checkout that it can read.
#   Sourced by scripts that have set `root` to the checkout.

# shellcheck disable=SC2034 # used by those who source this
pg_config=${PG_CONFIG:-pg_config}

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# need_pg_config: nothing may be installed because of a PostgreSQL that was named wrongly.
need_pg_config() {
	[ -n "${PG_CONFIG:-}" ] || return 0
	case $("$PG_CONFIG" --version 2>/dev/null) in
		PostgreSQL*) ;;
		*) fail "PG_CONFIG=$PG_CONFIG cannot be run, or is no pg_config" ;;
	esac
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

as_root() {
	if is_root; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "needs root to run: $*"
	fi
}

# make_scratch: sets `scratch`, removed when the script ends, and `workdir`,
# where as_tester runs.  The name is short: sockets live below it.
make_scratch() {
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/walcu_fdw.XXXXXX")
	trap remove_scratch EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# shellcheck disable=SC2154 # set by those who source this
	workdir=$root
	if is_root; then
		id postgres >/dev/null 2>&1 || fail "PostgreSQL does not run as root: create a user postgres"
		workdir=$scratch/checkout
		mkdir "$workdir"
		tar -C "$root" --exclude=./.git --exclude=./.build -cf - . | tar -C "$workdir" -xf -
		chown -R postgres "$scratch"
	fi
}

remove_scratch() {
	rm -rf "$scratch"
}

as_tester() {
	if is_root; then
		(cd "$workdir" && HOME=$scratch exec runuser -u postgres -- "$@")
	else
		(cd "$workdir" && "$@")
	fi
}
