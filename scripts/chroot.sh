# shellcheck shell=sh
# chroot.sh
#   Minimal Debian systems under .build/, to test in.  Sourced by test-fresh and
#   test-version, which have sourced common.sh; needs root and debootstrap.
#
#   What leads to Debian and to the npm registry from here leads there from inside
#   too: the mirror, proxies and trusted certificates are the machine's own.

chroots=$root/.build/chroots

require_debootstrap() {
	is_root || fail "debootstrap and chroot need root"
	command -v debootstrap >/dev/null || fail "install debootstrap first"
}

debian_mirror() {
	# shellcheck disable=SC2016 # apt's own placeholder, not a variable
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 ~ /\/debian\/?$/ { print $2; exit }'
}

# debian_base SUITE: the directory of a minimal system, made when first asked for.  Experimental is
# no system of its own, but more packages for sid; it is seldom renewed, so its lists may be old.
debian_base() {
	base=$chroots/$1
	release=$1
	[ "$1" != experimental ] || release=sid
	if [ ! -e "$base/.complete" ]; then
		mirror=$(debian_mirror)
		[ -n "$mirror" ] || fail "apt's sources name no Debian mirror"
		rm -rf "$base"
		mkdir -p "$base"
		debootstrap --variant=minbase --include=make,ca-certificates \
			"$release" "$base" "$mirror" >"$chroots/$1.log" 2>&1 ||
			fail "debootstrap failed, see $chroots/$1.log"
		[ "$1" = "$release" ] ||
			echo "deb [check-valid-until=no] $mirror $1 main" >"$base/etc/apt/sources.list.d/$1.list"
		apt-config dump Acquire >"$base/etc/apt/apt.conf.d/90machine"
		cp /etc/ssl/certs/ca-certificates.crt "$base/usr/local/share/ca-certificates/machine.crt"
		touch "$base/.complete"
	fi
	echo "$base"
}

# in_chroot DIR COMMAND...: run it in DIR/srv/walcu_fdw, with processes, /dev and
# /proc of its own, so that nothing of it stays behind.  A shell is their first process, which gets what others
# leave: make would look for it for ever.
in_chroot() {
	dir=$1
	shift
	cp /etc/resolv.conf /etc/hosts "$dir/etc/"
	# shellcheck disable=SC2016 # expands inside
	unshare --mount --pid --fork --kill-child sh -euc '
		dir=$1
		shift
		mount -t proc proc "$dir/proc"
		mount --rbind /dev "$dir/dev"
		mount -t tmpfs tmpfs "$dir/dev/shm"
		exec chroot "$dir" /usr/bin/env -i \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LANG=C.UTF-8 CI="${CI:-}" \
			npm_config_registry="$(npm config get registry 2>/dev/null)" \
			NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/machine.crt \
			sh -euc "cd /srv/walcu_fdw; \"\$@\"; exit 0" sh "$@"
	' sh "$dir" "$@"
}
