// client is a peer for the tests of SIP over SCTP that shares no code with the bridge: it stands on usrsctp, the FreeBSD kernel's SCTP.
// It opens one association, and then does as standard input says:
//
//	send STREAM FLAGS LENGTH     and LENGTH octets behind the line end; FLAGS has u for unordered, or is -
//	shutdown                     ends the association in order
//	abort                        ends it at once
//
// and says on standard output what happens:
//
//	up OUTSTREAMS INSTREAMS
//	recv STREAM FLAGS PPID LENGTH     and LENGTH octets behind the line end
//	down WHY                          lost, shutdown or refused
//
// Usage: client LOCAL-IP REMOTE-IP REMOTE-PORT [LOCAL-UDP-PORT REMOTE-UDP-PORT]
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <usrsctp.h>

static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *head, const void *body, size_t len)
{
	pthread_mutex_lock(&out);
	fputs(head, stdout);
	fwrite(body, 1, len, stdout);
	fflush(stdout);
	pthread_mutex_unlock(&out);
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void notice(const union sctp_notification *n)
{
	char head[64];
	if (n->sn_header.sn_type != SCTP_ASSOC_CHANGE)
		return;
	switch (n->sn_assoc_change.sac_state) {
	case SCTP_COMM_UP:
		snprintf(head, sizeof head, "up %u %u\n", n->sn_assoc_change.sac_outbound_streams, n->sn_assoc_change.sac_inbound_streams);
		say(head, "", 0);
		break;
	case SCTP_COMM_LOST:
		say("down lost\n", "", 0);
		break;
	case SCTP_SHUTDOWN_COMP:
		say("down shutdown\n", "", 0);
		break;
	case SCTP_CANT_STR_ASSOC:
		say("down refused\n", "", 0);
		break;
	}
}

// received runs on usrsctp's threads, one after another. A long message comes in parts.
static int received(struct socket *s, union sctp_sockstore from, void *data, size_t len, struct sctp_rcvinfo info, int flags, void *arg)
{
	static char whole[1 << 17];
	static size_t have;
	char head[64];
	(void)s, (void)from, (void)arg;
	if (data == NULL)
		return 1;
	if (flags & MSG_NOTIFICATION) {
		notice(data);
	} else if (have + len <= sizeof whole) {
		memcpy(whole + have, data, len);
		have += len;
		if (flags & MSG_EOR) {
			snprintf(head, sizeof head, "recv %u %s %u %zu\n", info.rcv_sid,
				 info.rcv_flags & SCTP_UNORDERED ? "u" : "-", ntohl(info.rcv_ppid), have);
			say(head, whole, have);
			have = 0;
		}
	}
	free(data);
	return 1;
}

static socklen_t address(struct sockaddr_storage *a, const char *ip, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;
	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof *v6;
	}
	fprintf(stderr, "%s is no address\n", ip);
	exit(2);
}

static struct socket *dial(char **argv, int udp)
{
	struct sockaddr_storage local, remote;
	socklen_t local_len = address(&local, argv[1], 0), remote_len = address(&remote, argv[2], atoi(argv[3]));
	struct socket *s = usrsctp_socket(local.ss_family, SOCK_STREAM, IPPROTO_SCTP, received, NULL, 0, NULL);
	struct sctp_event event = {.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = SCTP_ASSOC_CHANGE, .se_on = 1};
	struct sctp_initmsg init = {.sinit_num_ostreams = 10, .sinit_max_instreams = 10};
	const int on = 1;
	if (s == NULL)
		die("socket");
	if (usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event) < 0 ||
	    usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init) < 0 ||
	    usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) < 0)
		die("setsockopt");
	if (udp) {
		struct sctp_udpencaps encaps = {.sue_port = htons(udp)};
		encaps.sue_address.ss_family = local.ss_family;
		if (usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encaps, sizeof encaps) < 0)
			die("encapsulation");
	}
	if (usrsctp_bind(s, (struct sockaddr *)&local, local_len) < 0)
		die("bind");
	if (usrsctp_connect(s, (struct sockaddr *)&remote, remote_len) < 0)
		die("connect");
	return s;
}

static void transmit(struct socket *s, const char *line)
{
	unsigned stream, len;
	char flags[8];
	static char body[1 << 17];
	struct sctp_sndinfo info = {0};
	if (sscanf(line, "send %u %7s %u", &stream, flags, &len) != 3 || len > sizeof body || fread(body, 1, len, stdin) != len) {
		fprintf(stderr, "cannot send: %s", line);
		exit(2);
	}
	info.snd_sid = stream;
	info.snd_flags = strchr(flags, 'u') ? SCTP_UNORDERED : 0;
	if (usrsctp_sendv(s, body, len, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0)
		die("send");
}

int main(int argc, char **argv)
{
	char line[256];
	struct socket *s;
	int patience = 500;
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: client LOCAL-IP REMOTE-IP REMOTE-PORT [LOCAL-UDP-PORT REMOTE-UDP-PORT]\n");
		return 2;
	}
	usrsctp_init(argc == 6 ? atoi(argv[4]) : 0, NULL, NULL);
	usrsctp_sysctl_set_sctp_blackhole(2); // packets of other programs' associations are none of ours
	s = dial(argv, argc == 6 ? atoi(argv[5]) : 0);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strncmp(line, "send ", 5) == 0) {
			transmit(s, line);
		} else if (strcmp(line, "shutdown\n") == 0) {
			usrsctp_shutdown(s, SHUT_WR);
		} else if (strcmp(line, "abort\n") == 0) {
			struct linger now = {.l_onoff = 1, .l_linger = 0};
			usrsctp_setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
			break;
		} else {
			fprintf(stderr, "what is %s", line);
			return 2;
		}
	}
	usrsctp_close(s);
	while (usrsctp_finish() != 0 && patience-- > 0)
		usleep(10000);
	return 0;
}
