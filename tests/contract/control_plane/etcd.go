package main

import (
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

const startPatience = 2 * time.Minute

// newEtcdCommand makes an etcd of one member that lasts as long as its process.
func newEtcdCommand() *cobra.Command {
	var directory, clients, peers string
	command := &cobra.Command{
		Use:           "etcd",
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(*cobra.Command, []string) error {
			return serveEtcd(directory, clients, peers)
		},
	}
	flags := command.Flags()
	flags.StringVar(&directory, "data-dir", "etcd", "folder of the data")
	flags.StringVar(&clients, "listen-client-urls", "http://127.0.0.1:2379", "where clients are served")
	flags.StringVar(&peers, "listen-peer-urls", "http://127.0.0.1:2380", "where other members would be served")
	return command
}

func serveEtcd(directory, clients, peers string) error {
	clientURL, err := url.Parse(clients)
	if err != nil {
		return err
	}
	peerURL, err := url.Parse(peers)
	if err != nil {
		return err
	}
	config := embed.NewConfig()
	config.Name = "contract"
	config.Dir = directory
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*clientURL}, []url.URL{*clientURL}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peerURL}, []url.URL{*peerURL}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// The data is of one test run: losing it with the machine loses nothing.
	config.UnsafeNoFsync = true
	config.LogLevel = "warn"

	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(startPatience):
		return os.ErrDeadlineExceeded
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-asked:
		return nil
	case err := <-server.Err():
		return err
	}
}
