# Renews certificates that are due, twice a day. Mail comes from here only when
# somebody must act.
#
# Where systemd's certd-renew.timer is active this does nothing: one of the two,
# never both. To use cron instead: systemctl disable --now certd-renew.timer
SHELL=/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin

17 */12 * * * root test -x /usr/bin/certctl || exit 0; test -d /run/systemd/system && systemctl is-active --quiet certd-renew.timer && exit 0; sleep $(($(od -An -N2 -tu2 /dev/urandom) * 3600 / 65536)); certctl renew --quiet
