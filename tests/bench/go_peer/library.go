package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/golang/protobuf/proto"

	"v1/post"
)

const (
	frameHead  = 5       // bytes of gRPC, before every message
	readBuffer = 1 << 20 // bytes
)

// library is what there is to list. Nobody changes it once it is loaded.
type library struct {
	posts []*post.PostMessage // in the order of the listing, without their authors
	of    map[string][]int    // user id -> places in posts
	names map[string]string   // user id -> name
}

func (l *library) add(p *post.PostMessage) {
	l.names[p.UserId] = p.Author
	l.of[p.UserId] = append(l.of[p.UserId], len(l.posts))
	p.Author = ""
	l.posts = append(l.posts, p)
}

// fill makes out a post as it is answered: its author's name is looked up now.
func (l *library) fill(p, out *post.PostMessage) {
	out.PostId, out.UserId = p.PostId, p.UserId
	out.Title, out.Body, out.Tags = p.Title, p.Body, p.Tags
	out.CreateTime = p.CreateTime
	out.Author = l.names[p.UserId]
}

// ofUser appends the posts of a user to list; false: there is no such user.
func (l *library) ofUser(list []*post.PostMessage, userID string) ([]*post.PostMessage, bool) {
	places, known := l.of[userID]
	if !known {
		return list, false
	}
	filled := make([]post.PostMessage, len(places))
	for i, place := range places {
		l.fill(l.posts[place], &filled[i])
		list = append(list, &filled[i])
	}
	return list, true
}

// next reads one message of a dump; io.EOF: there is none any more.
func next(in io.Reader) (*post.ListPostsResponse, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	response := new(post.ListPostsResponse)
	return response, proto.Unmarshal(body, response)
}

func load(path string) (*library, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, readBuffer)
	l := &library{of: make(map[string][]int), names: make(map[string]string)}
	for {
		response, err := next(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, p := range response.PostMessages {
			l.add(p)
		}
	}
	if len(l.posts) == 0 {
		return nil, errors.New("the file is empty")
	}
	return l, nil
}
