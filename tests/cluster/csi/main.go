// A CSI driver and provisioner for one node, for tests: each volume is a file
// with an ext4 in it, mounted by a loop device, as a disk would be.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const (
	name    = "loop.csi.test"
	plugins = "/var/lib/kubelet/plugins"
	socket  = plugins + "/" + name + "/csi.sock"
	signUp  = "/var/lib/kubelet/plugins_registry/" + name + "-reg.sock"
)

type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedNodeServer
	node, disks string
}

func main() {
	// The node's name, the folder for the volumes, and a kubeconfig.
	d := &driver{node: os.Args[1], disks: os.Args[2]}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[3])
	must(err)
	go serve(socket, func(s *grpc.Server) {
		csi.RegisterIdentityServer(s, d)
		csi.RegisterNodeServer(s, d)
	})
	go serve(signUp, func(s *grpc.Server) { registration.RegisterRegistrationServer(s, d) })
	for client := kubernetes.NewForConfigOrDie(config); ; time.Sleep(500 * time.Millisecond) {
		if err := d.provision(context.Background(), client); err != nil {
			log.Print(err)
		}
	}
}

func serve(path string, register func(*grpc.Server)) {
	must(os.MkdirAll(filepath.Dir(path), 0o750))
	os.Remove(path)
	listener, err := net.Listen("unix", path)
	must(err)
	server := grpc.NewServer()
	register(server)
	must(server.Serve(listener))
}

// --- the provisioner: claims of its classes get volumes, and give them back.

func (d *driver) provision(ctx context.Context, client *kubernetes.Clientset) error {
	classes, err := client.StorageV1().StorageClasses().List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	policies := map[string]*core.PersistentVolumeReclaimPolicy{}
	for _, class := range classes.Items {
		if class.Provisioner == name {
			policies[class.Name] = class.ReclaimPolicy
		}
	}
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	for _, claim := range claims.Items {
		class := claim.Spec.StorageClassName
		if class == nil || policies[*class] == nil || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
			continue
		}
		id := "pvc-" + string(claim.UID)
		size := claim.Spec.Resources.Requests[core.ResourceStorage]
		if err := d.disk(id, size.Value()); err != nil {
			return err
		}
		_, err := client.CoreV1().PersistentVolumes().Create(ctx, &core.PersistentVolume{
			ObjectMeta: meta.ObjectMeta{Name: id, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": name}},
			Spec: core.PersistentVolumeSpec{
				Capacity:                      core.ResourceList{core.ResourceStorage: size},
				AccessModes:                   claim.Spec.AccessModes,
				StorageClassName:              *class,
				PersistentVolumeReclaimPolicy: *policies[*class],
				ClaimRef:                      &core.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
				PersistentVolumeSource:        core.PersistentVolumeSource{CSI: &core.CSIPersistentVolumeSource{Driver: name, VolumeHandle: id, FSType: "ext4"}},
			},
		}, meta.CreateOptions{})
		if err != nil && !errors.IsAlreadyExists(err) {
			return err
		}
	}
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	for _, volume := range volumes.Items {
		if volume.Spec.CSI == nil || volume.Spec.CSI.Driver != name || volume.Status.Phase != core.VolumeReleased ||
			volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete {
			continue
		}
		os.Remove(d.file(volume.Name))
		if err := client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, meta.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) file(id string) string { return filepath.Join(d.disks, id+".ext4") }

func (d *driver) disk(id string, size int64) error {
	path := d.file(id)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := run("truncate", "--size", fmt.Sprint(size), path+".new"); err != nil {
		return err
	}
	if err := run("mkfs.ext4", "-q", path+".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// --- the node

func (d *driver) NodeStageVolume(_ context.Context, r *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	log.Printf("stage %s %s", r.VolumeId, r.VolumeCapability)
	if mounted(r.StagingTargetPath) {
		return &csi.NodeStageVolumeResponse{}, nil
	}
	return &csi.NodeStageVolumeResponse{}, run("mount", "-o", "loop", d.file(r.VolumeId), r.StagingTargetPath)
}

func (d *driver) NodeUnstageVolume(_ context.Context, r *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	log.Printf("unstage %s", r.VolumeId)
	if !mounted(r.StagingTargetPath) {
		return &csi.NodeUnstageVolumeResponse{}, nil
	}
	return &csi.NodeUnstageVolumeResponse{}, run("umount", r.StagingTargetPath)
}

func (d *driver) NodePublishVolume(_ context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	log.Printf("publish %s %s", r.VolumeId, r.VolumeCapability)
	if mounted(r.TargetPath) {
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if err := os.MkdirAll(r.TargetPath, 0o750); err != nil {
		return nil, err
	}
	return &csi.NodePublishVolumeResponse{}, run("mount", "--bind", r.StagingTargetPath, r.TargetPath)
}

func (d *driver) NodeUnpublishVolume(_ context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	log.Printf("unpublish %s", r.VolumeId)
	if mounted(r.TargetPath) {
		if err := run("umount", r.TargetPath); err != nil {
			return nil, err
		}
	}
	os.Remove(r.TargetPath)
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	reply := &csi.NodeGetCapabilitiesResponse{}
	for _, c := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		// Without it the kubelet says SINGLE_NODE_WRITER of a ReadWriteOncePod.
		csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	} {
		reply.Capabilities = append(reply.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: c}}})
	}
	return reply, nil
}

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node}, nil
}

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: name, VendorVersion: "1"}, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

// --- the kubelet's registry of plugins

func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: name, Endpoint: socket, SupportedVersions: []string{"1.0.0"}}, nil
}

func (d *driver) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	log.Printf("registered: %t %s", s.PluginRegistered, s.Error)
	return &registration.RegistrationStatusResponse{}, nil
}

func mounted(path string) bool { return run("mountpoint", "--quiet", path) == nil }

func run(command string, args ...string) error {
	if said, err := exec.Command(command, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", command, args, err, said)
	}
	return nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
