// A witness for tests, by c2sp.org/tlog-witness and c2sp.org/tlog-cosignature, written on Go's own packages
// (golang.org/x/mod/sumdb/note and tlog), which are not ours.
//
//	main VKEY...
//
// It knows the logs with these keys, listens on 127.0.0.1, and prints a line "ADDRESS VKEY": where it is, and its own
// key. It ends when its input does. The first part of the path says how it behaves:
//
//	/good/       as the specification says
//	/wrongkey/   signs with another key
//	/othertext/  signs another checkpoint
//	/ahead/      answers 409 with a size that no log has
//	/liar/       answers 409 with the size that it was told
//	/endless/    answers 409 with another size each time
//	/nosize/     answers 409 without a size
//	/hang/       never answers
//	/huge/       answers without an end
//	/redirect/   sends the caller to /good/
//	/garbage/    answers what is no signature
//	/future/     signs with a time of tomorrow
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const name = "witness.example/test"

type tree struct {
	size int64
	root tlog.Hash
}

type witness struct {
	sync.Mutex
	key    ed25519.PrivateKey
	logs   map[string][]note.Verifier // By origin.
	latest map[string]tree            // By path and origin: what was cosigned last.
	lies   int64
}

func main() {
	log.SetFlags(0)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	w := &witness{key: key, logs: map[string][]note.Verifier{}, latest: map[string]tree{}}
	for _, vkey := range os.Args[1:] {
		v, err := note.NewVerifier(vkey)
		must(err)
		w.logs[v.Name()] = append(w.logs[v.Name()], v)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Printf("http://%s/ %s\n", listener.Addr(), vkey(name, key))
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	must(http.Serve(listener, http.HandlerFunc(w.serve)))
}

func (w *witness) serve(rw http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if r.Method != http.MethodPost || len(parts) != 3 || parts[2] != "add-checkpoint" {
		http.NotFound(rw, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	old, proof, msg, err := parse(body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	switch parts[1] {
	case "hang":
		<-r.Context().Done()
	case "huge":
		for r.Context().Err() == nil {
			if _, err := rw.Write(bytes.Repeat([]byte{'x'}, 4096)); err != nil {
				return
			}
		}
	case "redirect":
		http.Redirect(rw, r, "/good/add-checkpoint", http.StatusTemporaryRedirect)
	case "garbage":
		fmt.Fprint(rw, "this is no signature\n")
	case "ahead":
		conflict(rw, 1_000_000)
	case "liar":
		conflict(rw, old)
	case "endless":
		w.Lock()
		w.lies++
		conflict(rw, w.lies%2+1)
		w.Unlock()
	case "nosize":
		http.Error(rw, "conflict", http.StatusConflict)
	default:
		w.add(rw, parts[1], old, proof, msg)
	}
}

// add does what the specification says, but for what is signed in the end.
func (w *witness) add(rw http.ResponseWriter, how string, old int64, proof tlog.TreeProof, msg []byte) {
	origin, _, _ := strings.Cut(string(msg), "\n")
	verifiers := w.logs[origin]
	if verifiers == nil {
		http.Error(rw, "unknown log", http.StatusNotFound)
		return
	}
	n, err := note.Open(msg, note.VerifierList(verifiers...))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusForbidden)
		return
	}
	now, err := checkpoint(n.Text)
	if err != nil || old > now.size {
		http.Error(rw, "bad checkpoint or old size", http.StatusBadRequest)
		return
	}
	w.Lock()
	defer w.Unlock()
	latest := w.latest[how+" "+origin]
	if old != latest.size {
		conflict(rw, latest.size)
		return
	}
	if old == now.size && old > 0 && now.root != latest.root {
		http.Error(rw, "another root", http.StatusConflict)
		return
	}
	if err := consistent(proof, old, latest, now); err != nil {
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	key, at, text := w.key, time.Now(), n.Text
	switch how {
	case "wrongkey":
		_, key, err = ed25519.GenerateKey(rand.Reader)
		must(err)
	case "othertext":
		text = strings.Replace(text, "\n"+strconv.FormatInt(now.size, 10)+"\n", "\n7\n", 1)
	case "future":
		at = at.Add(24 * time.Hour)
	}
	w.latest[how+" "+origin] = now
	// What a witness without a name and with another name signs is there, too: clients pass it over.
	fmt.Fprint(rw, cosign("somebody.example/else", key, at, text), cosign(name, key, at, text))
}

func consistent(proof tlog.TreeProof, old int64, latest, now tree) error {
	if old == 0 || old == now.size {
		if len(proof) > 0 {
			return errors.New("a proof where none belongs")
		}
		return nil
	}
	return tlog.CheckTree(proof, now.size, now.root, old, latest.root)
}

func conflict(rw http.ResponseWriter, size int64) {
	rw.Header().Set("Content-Type", "text/x.tlog.size")
	rw.WriteHeader(http.StatusConflict)
	fmt.Fprintf(rw, "%d\n", size)
}

// parse reads an old size line, proof lines, an empty line and a checkpoint.
func parse(body []byte) (old int64, proof tlog.TreeProof, msg []byte, err error) {
	head, msg, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || !strings.HasPrefix(lines[0], "old ") {
		return 0, nil, nil, errors.New("no old size, or no empty line")
	}
	old, err = strconv.ParseInt(lines[0][len("old "):], 10, 64)
	if err != nil || old < 0 || strconv.FormatInt(old, 10) != lines[0][len("old "):] || len(lines) > 64 {
		return 0, nil, nil, errors.New("bad old size, or too many lines")
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, nil, err
		}
		proof = append(proof, h)
	}
	return old, proof, msg, nil
}

// checkpoint reads three lines; tlog.ParseTree takes the first line of Go's own database only.
func checkpoint(text string) (tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tree{}, errors.New("no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

const cosignatureType = 4

func cosign(name string, key ed25519.PrivateKey, at time.Time, text string) string {
	seconds := at.Unix()
	signature := ed25519.Sign(key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)))
	line := binary.BigEndian.AppendUint64(keyID(name, key), uint64(seconds))
	return fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(append(line, signature...)))
}

func vkey(name string, key ed25519.PrivateKey) string {
	typed := append([]byte{cosignatureType}, key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%x+%s", name, keyID(name, key), base64.StdEncoding.EncodeToString(typed))
}

func keyID(name string, key ed25519.PrivateKey) []byte {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignatureType})
	h.Write(key.Public().(ed25519.PublicKey))
	return h.Sum(nil)[:4]
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
