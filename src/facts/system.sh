# What a server is, for facts. Sent only with a batch that asks for some of it.
# Each function prints parts: a NUL, the part's name in a line, then what a file holds or a command
# says, as it is. What is not there is an empty part; nothing here fails, and nothing writes.

# probe_system TOPIC [ARGUMENT]
probe_system() {
	"facts_$1" "$2" 2>/dev/null
	return 0
}

# part NAME
part() {
	printf '\000%s\n' "$1"
}

# file NAME PATH…: the first that can be read.
file() {
	part "$1"
	shift
	for path in "$@"; do
		[ ! -r "$path" ] || [ -d "$path" ] || {
			cat "$path"
			return
		}
	done
}

facts_platform() {
	part uname
	for what in s n r v m; do uname -$what; done
	part fqdn
	brief hostname -f
	part bits
	getconf LONG_BIT
	file machine_id /etc/machine-id /var/lib/dbus/machine-id
}

facts_distribution() {
	file os_release /etc/os-release /usr/lib/os-release
	file debian_version /etc/debian_version
	file redhat_release /etc/redhat-release /etc/oracle-release /etc/system-release
	file alpine_release /etc/alpine-release
	file lsb_file /etc/lsb-release
	part lsb_command
	if command -v lsb_release >/dev/null; then lsb_release -a; fi
	part managers
	for path in /usr/bin/apt-get /usr/bin/dnf5 /usr/bin/dnf /usr/bin/yum /sbin/apk /usr/bin/apk \
		/usr/bin/zypper /usr/bin/pacman /usr/bin/emerge /usr/bin/xbps-install /usr/sbin/swupd; do
		[ ! -x "$path" ] || echo "${path##*/}"
	done
}

facts_user() {
	part ids
	id -un && id -u && id -g && id -ru && id -rg
	part passwd
	getent passwd "$(id -u)" || grep "^[^:]*:[^:]*:$(id -u):" /etc/passwd
}

# The environment comes last: its entries end with NULs of their own.
facts_env() {
	file env /proc/self/environ
}

facts_clock() {
	part clock
	date '+%s %N %Y-%m-%d %H:%M:%S %Z %z %A %w %W'
}

facts_kernel() {
	file cmdline /proc/cmdline
	file fips /proc/sys/crypto/fips_enabled
	file apparmor /sys/module/apparmor/parameters/enabled
	file selinux_enforce /sys/fs/selinux/enforce
	file selinux_policy /sys/fs/selinux/policyvers
	file selinux_config /etc/selinux/config
}

facts_services() {
	file comm /proc/1/comm
	part marks
	for path in /run/systemd/system /dev/.run/systemd /dev/.systemd /etc/init /sbin/openrc /etc/init.d; do
		[ ! -e "$path" ] || echo "$path"
	done
	for tool in systemctl initctl; do command -v $tool; done
	part init
	readlink /sbin/init
}

facts_dns() {
	file resolv_conf /etc/resolv.conf
}

facts_keys() {
	for path in /etc/ssh/ssh_host_*_key.pub; do
		file "${path##*/}" "$path"
	done
}

# facts_local FOLDER: every *.fact, run when it is executable. Its name, then status and words.
facts_local() {
	for path in "${1:-/etc/ansible/facts.d}"/*.fact; do
		[ -f "$path" ] || continue
		name=${path##*/}
		part "${name%.fact}"
		if [ -x "$path" ]; then
			said=$("$path" 2>&1 </dev/null) && rc=0 || rc=$?
			printf 'ran %s %s\n%s\n' "$rc" "$path" "$said"
		else
			printf 'file 0 %s\n' "$path"
			cat "$path"
		fi
	done
}

facts_network() {
	part links
	for path in /sys/class/net/*; do
		[ -e "$path/mtu" ] || continue
		printf 'link %s\n' "${path##*/}"
		for name in address mtu operstate type flags speed; do
			printf '%s %s\n' "$name" "$(cat "$path/$name" || :)"
		done
		printf 'module %s\n' "$(readlink "$path/device/driver/module")"
		printf 'device %s\n' "$(readlink "$path/device")"
		if [ -d "$path/bridge" ]; then
			printf 'bridge %s %s\n' "$(cat "$path/bridge/bridge_id")" "$(cat "$path/bridge/stp_state")"
			for port in "$path"/brif/*; do [ ! -e "$port" ] || printf 'port %s\n' "${port##*/}"; done
		fi
		[ ! -d "$path/bonding" ] || printf 'bond %s\n' "$(cat "$path/bonding/slaves")"
	done
	command -v ip >/dev/null || return
	part addresses
	ip -o addr show
	# Asks our own tables which way a packet would take; none is sent.
	part route4
	ip -4 route get 8.8.8.8
	part route6
	ip -6 route get 2404:6800:400a:800::1012
}

facts_hardware() {
	file meminfo /proc/meminfo
	file cpuinfo /proc/cpuinfo
	file uptime /proc/uptime
	file loadavg /proc/loadavg
	part nproc
	nproc || grep -c '^processor' /proc/cpuinfo
	for name in bios_date bios_vendor bios_version board_asset_tag board_name board_serial board_vendor \
		board_version chassis_asset_tag chassis_serial chassis_vendor chassis_version chassis_type \
		product_name product_serial product_uuid product_version sys_vendor; do
		file "dmi $name" "/sys/devices/virtual/dmi/id/$name"
	done
}

# facts_mounts SECONDS: what a file system may take to answer.
facts_mounts() {
	file mounts /proc/self/mounts /etc/mtab
	part uuids
	for path in /dev/disk/by-uuid/*; do
		[ ! -e "$path" ] || printf '%s %s\n' "$(readlink -f "$path")" "${path##*/}"
	done
	slow=
	! command -v timeout >/dev/null || slow="timeout ${1:-10}"
	part sizes
	while read -r device mount rest; do
		case $device in
		/* | *:/*) ;;
		*) continue ;;
		esac
		printf '%s %s\n' "$mount" "$($slow stat -f -c '%s %S %b %a %c %d' "$(printf '%b' "$mount")")"
	done </proc/self/mounts
}

facts_devices() {
	for path in /sys/block/*; do
		[ -e "$path/size" ] || continue
		part "disk ${path##*/}"
		device_facts "$path"
		for inner in "$path/${path##*/}"*; do
			[ -e "$inner/start" ] || continue
			part "partition ${path##*/} ${inner##*/}"
			device_facts "$inner"
		done
	done
	part uuids
	for link in /dev/disk/by-uuid/*; do
		[ ! -e "$link" ] || printf '%s %s\n' "$(readlink -f "$link")" "${link##*/}"
	done
}

# device_facts FOLDER
device_facts() {
	for name in size start removable queue/rotational queue/scheduler queue/logical_block_size \
		queue/discard_granularity device/vendor device/model; do
		[ ! -r "$1/$name" ] || printf '%s %s\n' "${name##*/}" "$(cat "$1/$name")"
	done
	case $(readlink -f "$1") in
	*/devices/virtual/*) echo 'virtual 1' ;;
	esac
	for holder in "$1"/holders/*; do [ ! -e "$holder" ] || printf 'holder %s\n' "${holder##*/}"; done
}

facts_virtual() {
	part marks
	for path in /.dockerenv /run/.containerenv /.dockerinit /proc/xen /proc/vz /proc/bc /dev/kvm; do
		[ ! -e "$path" ] || echo "$path"
	done
	part container
	tr '\000' '\n' </proc/1/environ | grep '^container='
	file systemd_container /run/systemd/container
	file cgroup /proc/1/cgroup
	file xen /proc/xen/capabilities /sys/hypervisor/type
	part cpu
	grep -m 1 '^model name' /proc/cpuinfo
	part flags
	grep -m 1 -o -w hypervisor /proc/cpuinfo
	for name in product_name product_family sys_vendor bios_vendor; do
		file "$name" "/sys/devices/virtual/dmi/id/$name"
	done
	part modules
	cut -d ' ' -f 1 /proc/modules | grep -x -e kvm -e vboxdrv -e vboxguest
}
