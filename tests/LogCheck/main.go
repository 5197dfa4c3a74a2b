// Checks a log that the server's code has written, with Go's own packages for notes and trees
// (golang.org/x/mod/sumdb/note and tlog), which are not ours.
//
//	main FOLDER
//
// FOLDER has the vkey, for each size from 0 on checkpoints/SIZE, for some sizes and for each index
// proofs/SIZE with the server's inclusion and consistency proofs, and tile/ as c2sp.org/tlog-tiles lays it out.
// The program ends with 0 only if everything holds, and nothing holds with a flipped byte.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	folder string
	files  = map[string][]byte{} // Of tiles.
)

type tree struct {
	size int64
	root tlog.Hash
}

func main() {
	log.SetFlags(0)
	folder = os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read("vkey"))))
	must(err)
	trees := checkpoints(verifier)
	newest := trees[len(trees)-1]
	entries := bundles(newest)
	stored := storedHashes(entries)
	var proofs, pairs, flipped int
	for _, t := range trees[1:] {
		r := tlog.TileHashReader(tlog.Tree{N: t.size, Hash: t.root}, tiles{})
		root, err := tlog.TreeHash(t.size, r)
		must(err)
		if root != t.root {
			log.Fatalf("size %d: the tiles have another root", t.size)
		}
		for i := int64(0); i < t.size; i += step(t.size) {
			p, err := tlog.ProveRecord(t.size, i, r)
			must(err)
			must(tlog.CheckRecord(p, t.size, t.root, i, tlog.RecordHash(entries[i])))
			proofs++
		}
		for old := int64(1); old <= t.size; old++ {
			p, err := tlog.ProveTree(t.size, old, stored)
			must(err)
			must(tlog.CheckTree(p, t.size, t.root, old, trees[old].root))
			pairs++
		}
		flipped += serverProofs(t, trees, entries)
	}
	fmt.Printf("%d checkpoints, %d inclusions, %d consistencies hold; %d flipped bytes were refused\n",
		len(trees), proofs, pairs, flipped+flipNote(verifier, trees)+flipTile(newest, entries))
}

// checkpoints opens the notes of all sizes.
func checkpoints(verifier note.Verifier) []tree {
	files, err := os.ReadDir(filepath.Join(folder, "checkpoints"))
	must(err)
	trees := make([]tree, len(files))
	for size := range trees {
		t, err := open(read("checkpoints", strconv.Itoa(size)), verifier)
		must(err)
		if t.size != int64(size) {
			log.Fatalf("checkpoints/%d has the size %d", size, t.size)
		}
		trees[size] = t
	}
	if trees[0].root != tlog.Hash(sha256.Sum256(nil)) {
		log.Fatal("the root of the empty tree is another one")
	}
	return trees
}

// open reads a checkpoint's three lines; tlog.ParseTree takes the first line of Go's own database only.
func open(msg []byte, verifier note.Verifier) (tree, error) {
	n, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tree{}, fmt.Errorf("no checkpoint: %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

// bundles reads all entries from the newest tree's bundles.
func bundles(newest tree) [][]byte {
	var entries [][]byte
	for n := int64(0); n*256 < newest.size; n++ {
		path := fmt.Sprintf("tile/entries/%03d", n)
		if w := newest.size - n*256; w < 256 {
			path += fmt.Sprintf(".p/%d", w)
		}
		for rest := read(path); len(rest) > 0; {
			length := binary.BigEndian.Uint16(rest)
			entries = append(entries, rest[2:2+length])
			rest = rest[2+length:]
		}
	}
	if int64(len(entries)) != newest.size {
		log.Fatalf("%d entries in a tree of %d", len(entries), newest.size)
	}
	return entries
}

// tiles reads tiles of height 8; the server's paths leave the height out.
type tiles struct{}

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	for i, t := range list {
		path := "tile/" + strings.TrimPrefix(t.Path(), "tile/8/")
		if files[path] == nil {
			b, err := os.ReadFile(filepath.Join(folder, path))
			if err != nil {
				return nil, err
			}
			files[path] = b
		}
		data[i] = files[path]
	}
	return data, nil
}

// serverProofs checks what the server has computed, and that no changed hash holds.
func serverProofs(t tree, trees []tree, entries [][]byte) (flipped int) {
	file := filepath.Join(folder, "proofs", strconv.FormatInt(t.size, 10))
	if _, err := os.Stat(file); err != nil {
		return 0
	}
	for _, line := range strings.Split(strings.TrimSpace(string(read("proofs", strconv.FormatInt(t.size, 10)))), "\n") {
		f := strings.Fields(line)
		n, err := strconv.ParseInt(f[1], 10, 64)
		must(err)
		hashes := make([]tlog.Hash, 0, len(f)-2)
		for _, text := range f[2:] {
			h, err := tlog.ParseHash(text)
			must(err)
			hashes = append(hashes, h)
		}
		check := func() error {
			if f[0] == "inclusion" {
				return tlog.CheckRecord(hashes, t.size, t.root, n, tlog.RecordHash(entries[n]))
			}
			return tlog.CheckTree(hashes, t.size, t.root, n, trees[n].root)
		}
		must(check())
		for h := range hashes {
			at := (int(n) + h) % len(hashes[h])
			hashes[h][at] ^= 1
			if check() == nil {
				log.Fatalf("size %d: %s %d holds with a flipped byte", t.size, f[0], n)
			}
			hashes[h][at] ^= 1
			flipped++
		}
	}
	return flipped
}

// flipNote changes each byte of some checkpoints.
func flipNote(verifier note.Verifier, trees []tree) (flipped int) {
	for _, size := range []int{0, 1, 256, len(trees) - 1} {
		msg := read("checkpoints", strconv.Itoa(size))
		for at := range msg {
			changed := append([]byte(nil), msg...)
			changed[at] ^= 1
			if t, err := open(changed, verifier); err == nil && (t != trees[size] || !spare(msg, at)) {
				log.Fatalf("size %d: the note holds with byte %d flipped", size, at)
			}
			flipped++
		}
	}
	return flipped
}

// spare: Go's decoder of base64 lets the bits pass that the last character before the padding does not need. The
// server's own decoders do not.
func spare(msg []byte, at int) bool {
	return at+1 < len(msg) && msg[at+1] == '=' && msg[at] != '='
}

// flipTile changes bytes of a tile, one at a time: no proof that needs them holds.
func flipTile(newest tree, entries [][]byte) (flipped int) {
	data := read("tile/0/000")
	for at := 0; at < len(data); at += 37 {
		changed := append([]byte(nil), data...)
		changed[at] ^= 1
		sibling := int64(at/32) ^ 1
		r := tlog.TileHashReader(tlog.Tree{N: newest.size, Hash: newest.root}, flippedTile{changed})
		p, err := tlog.ProveRecord(newest.size, sibling, r)
		if err == nil {
			err = tlog.CheckRecord(p, newest.size, newest.root, sibling, tlog.RecordHash(entries[sibling]))
		}
		if err == nil {
			log.Fatalf("a tile holds with byte %d flipped", at)
		}
		flipped++
	}
	return flipped
}

type flippedTile struct{ data []byte }

func (flippedTile) Height() int                     { return 8 }
func (flippedTile) SaveTiles([]tlog.Tile, [][]byte) {}
func (f flippedTile) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data, err := tiles{}.ReadTiles(list)
	for i, t := range list {
		if t.L == 0 && t.N == 0 && t.W == 256 {
			data[i] = f.data
		}
	}
	return data, err
}

// storedHashes computes the hashes of all subtrees anew, from the entries alone.
func storedHashes(entries [][]byte) tlog.HashReader {
	var hashes []tlog.Hash
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
	return reader
}

func step(size int64) int64 {
	if size <= 20 {
		return 1
	}
	return size / 5
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
