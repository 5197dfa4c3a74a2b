// Follows a log through a change of its key, with Go's own packages for notes and trees
// (golang.org/x/mod/sumdb/note and tlog), which are not ours.
//
//	main FOLDER
//
// FOLDER has vkey, the only key that is trusted at first, checkpoints/SIZE for some sizes, and the newest tree's
// tiles and bundles of entries in tile/, as c2sp.org/tlog-tiles lays them out. The checkpoints are opened in the order
// of their sizes. A key that an entry names (chatcqrs/key/v1) is trusted from then on that a checkpoint of a key that
// is trusted covers the entry. The program prints the trusted keys, one a line, and ends with 0 only if each checkpoint
// is signed by a trusted key, and goes on from the one before.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var folder string

type tree struct {
	size int64
	root tlog.Hash
}

func main() {
	log.SetFlags(0)
	folder = os.Args[1]
	trusted := []string{strings.TrimSpace(string(read("vkey")))}
	var last tree
	var newest []tlog.Hash
	for _, size := range sizes() {
		now := open(read("checkpoints", strconv.FormatInt(size, 10)), trusted)
		if now.size != size {
			log.Fatalf("checkpoints/%d has the size %d", size, now.size)
		}
		entries := bundles(now.size)
		newest = stored(entries)
		reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			found := make([]tlog.Hash, len(indexes))
			for i, x := range indexes {
				found[i] = newest[x]
			}
			return found, nil
		})
		root, err := tlog.TreeHash(now.size, reader)
		must(err)
		if root != now.root {
			log.Fatalf("size %d: the entries have another root", now.size)
		}
		if last.size > 0 {
			p, err := tlog.ProveTree(now.size, last.size, reader)
			must(err)
			must(tlog.CheckTree(p, now.size, now.root, last.size, last.root))
		}
		for _, entry := range entries[last.size:] { // A trusted key has signed them.
			if lines := strings.Split(string(entry), "\n"); lines[0] == "chatcqrs/key/v1" {
				trusted = append(trusted, strings.TrimPrefix(lines[2], "vkey "))
			}
		}
		last = now
	}
	fmt.Println(strings.Join(trusted, "\n"))
}

func sizes() []int64 {
	files, err := os.ReadDir(filepath.Join(folder, "checkpoints"))
	must(err)
	sizes := make([]int64, len(files))
	for i, file := range files {
		sizes[i], err = strconv.ParseInt(file.Name(), 10, 64)
		must(err)
	}
	sort.Slice(sizes, func(i, j int) bool { return sizes[i] < sizes[j] })
	return sizes
}

// open reads a checkpoint's three lines; tlog.ParseTree takes the first line of Go's own database only.
func open(msg []byte, trusted []string) tree {
	var verifiers []note.Verifier
	for _, vkey := range trusted {
		v, err := note.NewVerifier(vkey)
		must(err)
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(msg, note.VerifierList(verifiers...))
	must(err)
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifiers[0].Name() {
		log.Fatalf("no checkpoint: %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tree{size, root}
}

// bundles reads the first entries from the newest tree's bundles.
func bundles(size int64) [][]byte {
	var entries [][]byte
	for n := int64(0); n*256 < size; n++ {
		found, err := filepath.Glob(filepath.Join(folder, fmt.Sprintf("tile/entries/%03d*", n)))
		must(err)
		if info, err := os.Stat(found[0]); err == nil && info.IsDir() {
			found, err = filepath.Glob(filepath.Join(found[0], "*"))
			must(err)
		}
		b, err := os.ReadFile(found[0])
		must(err)
		for rest := b; len(rest) > 0; {
			length := binary.BigEndian.Uint16(rest)
			entries = append(entries, rest[2:2+length])
			rest = rest[2+length:]
		}
	}
	return entries[:size]
}

// stored computes the hashes of all subtrees from the entries alone.
func stored(entries [][]byte) (hashes []tlog.Hash) {
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			found[i] = hashes[x]
		}
		return found, nil
	})
	for n, entry := range entries {
		added, err := tlog.StoredHashes(int64(n), entry, reader)
		must(err)
		hashes = append(hashes, added...)
	}
	return hashes
}

func read(path ...string) []byte {
	b, err := os.ReadFile(filepath.Join(append([]string{folder}, path...)...))
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
