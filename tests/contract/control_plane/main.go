// One program that is etcd, kube-apiserver, kube-controller-manager or kube-scheduler, by its first argument.
//
// The servers are the real ones, imported from their own modules. They share one program because they share most of
// their packages, and linking those is most of the work of a build.
package main

import (
	"fmt"
	"os"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var programs = map[string]func() *cobra.Command{
	"etcd":                    newEtcdCommand,
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          newSchedulerCommand,
}

func main() {
	if len(os.Args) > 1 {
		if newCommand, known := programs[os.Args[1]]; known {
			// The commands read the process's arguments, and expect their own name in front.
			os.Args = os.Args[1:]
			os.Exit(cli.Run(newCommand()))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: control-plane etcd|kube-apiserver|kube-controller-manager|kube-scheduler [FLAGS]")
	os.Exit(2)
}

func newSchedulerCommand() *cobra.Command {
	return scheduler.NewSchedulerCommand()
}
