"""A store's worth of people and posts, and what listings of it must say."""
from protos import post

LISTINGS = ["ListPosts", "ListPostsByUserId"]
SHAPES = ["", "ServerStream", "ClientStream", "BidiStream"]
MANY_REQUESTS = ["ClientStream", "BidiStream"]
MANY_RESPONSES = ["ServerStream", "BidiStream"]
GHOST = "ghost"  # has posts, and User does not know it
SILENT = "silent"  # User knows it, and it has no posts


class Library:
    """users: id -> name; posts: dicts in import order."""

    def __init__(self, users, posts):
        self.users, self.posts = users, posts

    def load(self, pair):
        pair.import_users([{"user_id": k, "name": v} for k, v in self.users.items()])
        pair.import_posts(self.posts)

    def author(self, user_id):
        return self.users.get(user_id, "")

    def expected(self, user_id=None, tag=""):
        """The posts of a listing: users in the order of their first post, posts
        in import order."""
        places = {}
        for row in self.posts:
            places.setdefault(row["user_id"], len(places))
        rows = sorted(self.posts, key=lambda row: places[row["user_id"]])  # stable
        return [post.PostMessage(author=self.author(row["user_id"]), **row) for row in rows
                if user_id in (None, row["user_id"]) and (not tag or tag in row["tags"])]


def small_library():
    """480 posts of 40 users, a bit under 300 KB: some messages of a stream."""
    users = {f"u{i}": f"이름 {i} 🙂" for i in range(40)}
    users[SILENT] = "Silent"
    posts = []
    for i in range(480):
        user_id = GHOST if i % 48 == 11 else f"u{i * 7 % 40}"
        posts.append({
            "post_id": f"p{i}", "user_id": user_id, "title": f"글 {i}",
            "body": f"{i} " + "안녕하세요 " * (i % 60),
            "tags": ["all"] + ["third"] * (i % 3 == 0) + ["rare"] * (i % 160 == 7),
            "create_time": {"seconds": 1603584000 + i, "nanos": i},
        })
    return Library(users, posts)


def request_of(listing, **fields):
    return getattr(post, listing + "Request")(**fields)


def path_of(listing, shape):
    return f"/v1.post.Post/{listing}{shape}"


def ask(client, listing, shape, *requests):
    """All responses, as a list in every shape."""
    many_requests = shape in MANY_REQUESTS
    assert many_requests or len(requests) == 1
    responses = client.call(path_of(listing, shape), requests if many_requests else requests[0])
    return list(responses) if shape in MANY_RESPONSES else [responses]


def posts_of(responses):
    return [message for response in responses for message in response.post_messages]


def collect(client, listing, shape, **fields):
    """Messages until the listing is complete, however many calls that takes."""
    messages = []
    while True:
        messages += ask(client, listing, shape, request_of(listing, **fields))
        assert messages[-1].last
        if not messages[-1].next_page_token:
            return messages
        fields["page_token"] = messages[-1].next_page_token
