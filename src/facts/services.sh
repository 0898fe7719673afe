# Services, and the machine's name. Sent only with a batch that needs some of it.

# probe_unit NAME system|user|global MANAGER|'' PATTERN|'': a service in lines, see facts/unit.rs. PATTERN stands
# in the list of processes while it runs, where a script can't say so.
probe_unit() {
	manager=$3
	if [ -n "$manager" ]; then
		:
	elif [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
		manager=systemd
	elif command -v rc-service >/dev/null 2>&1; then
		manager=openrc
	elif command -v service >/dev/null 2>&1 || [ -d /etc/init.d ]; then
		manager=sysv
	fi
	case $manager in
	systemd)
		command -v systemctl >/dev/null 2>&1 || manager=
		[ "$2" != user ] || export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
		enabled=$(systemctl "--$2" is-enabled -- "$1" 2>/dev/null | head -n 1)
		active=$(systemctl "--$2" is-active -- "$1" 2>/dev/null | head -n 1)
		;;
	openrc)
		enabled=disabled active=inactive
		rc-service -e "$1" 2>/dev/null || enabled=
		! rc-update show 2>/dev/null | awk -v name="$1" '$1 == name && $3 != "" { found = 1 } END { exit !found }' || enabled=enabled
		! rc-service "$1" status >/dev/null 2>&1 || active=active
		;;
	sysv)
		enabled=disabled active=inactive
		[ -x "/etc/init.d/$1" ] || enabled=
		for link in /etc/rc[2345].d/S??"$1" /etc/rc.d/rc[2345].d/S??"$1"; do
			[ ! -e "$link" ] || enabled=enabled
		done
		if [ -n "$4" ]; then
			! ps ax 2>/dev/null | grep -F -e "$4" | grep -v grep >/dev/null || active=active
		else
			! (script "$1" status) >/dev/null 2>&1 || active=active
		fi
		;;
	esac
	printf 'manager=%s\nenabled=%s\nactive=%s\n\n' "${manager:-none}" "$enabled" "$active"
	[ "$manager" != systemd ] || systemctl "--$2" show -- "$1" 2>/dev/null
	return 0
}

# script NAME ARGUMENT…: the init script.
script() {
	if command -v service >/dev/null 2>&1; then
		exec service "$@"
	fi
	name=$1
	shift
	exec "/etc/init.d/$name" "$@"
}

# probe_hostname: a line each: the name now; the one for the next start; `systemd` where that keeps it.
probe_hostname() {
	uname -n
	{ IFS= read -r name || :; } 2>/dev/null </etc/hostname
	printf '%s\n' "$name"
	if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1; then echo systemd; fi
}
