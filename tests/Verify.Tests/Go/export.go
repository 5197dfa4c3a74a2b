// Writes an export as a zip, with Go's own notes and trees: go run export.go FILE.zip prints the key to check it with.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "chat.example.org/v1/audit/heads"
const conversation = "0198c2a4-7f00-7000-8000-0000000000c1"

var b64 = base64.StdEncoding.EncodeToString
var epoch = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// tree keeps the hashes of a log as tlog stores them.
type tree struct {
	hashes []tlog.Hash
	size   int64
}

func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		found = append(found, t.hashes[index])
	}
	return found, nil
}

func (t *tree) add(data []byte) {
	stored, err := tlog.StoredHashes(t.size, data, t)
	must(err)
	t.hashes = append(t.hashes, stored...)
	t.size++
}

func (t *tree) root() string {
	root, err := tlog.TreeHash(t.size, t)
	must(err)
	return b64(root[:])
}

func (t *tree) proof(index int64) []string {
	proof, err := tlog.ProveRecord(t.size, index, t)
	must(err)
	lines := []string{}
	for _, hash := range proof {
		lines = append(lines, b64(hash[:]))
	}
	return lines
}

// signer makes a key of Go's form from one seed, under any name.
func signer(name string) (note.Signer, string) {
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	key := append([]byte{1}, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), key...))
	hash := hex.EncodeToString(id[:4])
	s, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + b64(append([]byte{1}, seed...)))
	must(err)
	return s, name + "+" + hash + "+" + b64(key)
}

func sign(name, text string) string {
	s, _ := signer(name)
	signed, err := note.Sign(&note.Note{Text: text}, s)
	must(err)
	return string(signed)
}

func timeOf(batch int) string {
	return epoch.Add(time.Duration(batch) * time.Minute).Format("2006-01-02T15:04:05.000Z")
}

func put(hashed *bytes.Buffer, part []byte) {
	must(binary.Write(hashed, binary.BigEndian, uint32(len(part))))
	hashed.Write(part)
}

type event struct {
	line           string
	previous, hash []byte
}

func made(seq, batch int, previous []byte) event {
	id := fmt.Sprintf("0198c2a5-2000-7000-8000-%012x", seq)
	at := timeOf(batch)
	payload := fmt.Sprintf(`{"user":"%s","text":"Grüße & <b>"}`, id)
	open := fmt.Sprintf(`{"occurred_at":"%s","prev_hash":"%s"`, at, b64(previous))
	bare, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	must(err)
	hashed := bytes.NewBuffer(append([]byte{}, previous...))
	put(hashed, []byte("message-sent.v1"))
	put(hashed, bare)
	put(hashed, []byte(open+"}"))
	put(hashed, []byte(payload))
	hash := sha256.Sum256(hashed.Bytes())
	metadata := fmt.Sprintf(`%s,"hash":"%s"}`, open, b64(hash[:]))
	rawMetadata, err := json.Marshal(metadata)
	must(err)
	rawPayload, err := json.Marshal(payload)
	must(err)
	return event{fmt.Sprintf(
		`{"seq":%d,"type":"message-sent.v1","event_id":"%s","occurred_at":"%s","prev_hash":"%s","hash":"%s",`+
			`"metadata":%s,"payload":%s,"raw":{"metadata":%s,"payload":%s}}`+"\n",
		seq, id, at, b64(previous), b64(hash[:]), metadata, payload, rawMetadata, rawPayload), previous, hash[:]}
}

func main() {
	_, vkey := signer(origin)
	files := map[string]string{"README.txt": "An export.\n", "vkey": vkey + "\n", "matter.json": "{}\n", "access.ndjson": ""}
	folder := "conversations/" + conversation + "/"
	entries := []string{fmt.Sprintf("chatcqrs/genesis/v1\norigin %s\ntime %s\nvkey %s\n", origin, timeOf(0), vkey)}
	var events strings.Builder
	var records []string
	var inner []*tree
	seq, previous := 0, make([]byte, 32)
	for batch, size := range []int{1, 5, 2, 9} {
		first, before, hashes := seq, previous, &tree{}
		for ; seq < first+size; seq++ {
			e := made(seq, batch+1, previous)
			events.WriteString(e.line)
			hashes.add(e.hash)
			previous = e.hash
		}
		records = append(records, fmt.Sprintf("chatcqrs/head/v1\nconversation-%s\n%d %d\n%s\n%s\n%s\n%s\n",
			conversation, first, seq-1, b64(before), b64(previous), hashes.root(), b64(make([]byte, 32))))
		heads := &tree{}
		for other := 0; other < 7; other++ {
			if other == batch {
				heads.add([]byte(records[batch]))
			} else {
				heads.add([]byte(fmt.Sprint("other ", other)))
			}
		}
		inner = append(inner, heads)
		entries = append(entries, fmt.Sprintf("chatcqrs/batch/v1\nnumber %d\ntime %s\nposition %d\nheads 7\nroot %s\nkeys 0 %s\n",
			batch+1, timeOf(batch+1), seq*10, heads.root(), (&tree{}).emptyRoot()))
	}
	log := &tree{}
	for _, entry := range entries {
		log.add([]byte(entry))
	}
	checkpoint := sign(origin, fmt.Sprintf("%s\n%d\n%s\n", origin, log.size, log.root()))
	var heads strings.Builder
	for i, record := range records {
		line, err := json.Marshal(map[string]interface{}{
			"record": record, "index": i, "inner": inner[i].proof(int64(i)),
			"entry": entries[i+1], "entry_index": i + 1, "proof": log.proof(int64(i + 1)),
			"previous": map[string]interface{}{"entry": entries[i], "entry_index": i, "proof": log.proof(int64(i))},
		})
		must(err)
		heads.Write(append(line, '\n'))
	}
	last := len(records) - 1
	extra := fmt.Sprintf("%s\nindex %d\n%s\n\n%s", records[last], last,
		strings.Join(inner[last].proof(int64(last)), "\n"), entries[last+1])
	files[folder+"start"] = "0 " + b64(make([]byte, 32)) + "\n"
	files[folder+"events.ndjson"] = events.String()
	files[folder+"heads.ndjson"] = heads.String()
	files[folder+"head.tlog-proof"] = fmt.Sprintf("c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n%s\n\n%s",
		b64([]byte(extra)), last+1, strings.Join(log.proof(int64(last+1)), "\n"), checkpoint)

	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	sums := ""
	for _, name := range names {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(files[name])), name)
	}
	files["SHA256SUMS"] = sums
	files["manifest.note"] = sign(origin+"/export", origin+"/export\n"+sums)
	file, err := os.Create(os.Args[1])
	must(err)
	archive := zip.NewWriter(file)
	for name, content := range files {
		entry, err := archive.Create(name)
		must(err)
		_, err = entry.Write([]byte(content))
		must(err)
	}
	must(archive.Close())
	must(file.Close())
	fmt.Print(vkey)
}

func (t *tree) emptyRoot() string {
	hash := sha256.Sum256(nil)
	return b64(hash[:])
}
