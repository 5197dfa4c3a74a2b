using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Conversations;

/// <summary>A client that chooses a group's id may ask for the group again; two nodes on one log.</summary>
public sealed class GroupIdTests(TwoServers nodes) : IClassFixture<TwoServers>
{
    private readonly ChatServer _one = nodes.One, _two = nodes.Two;

    [Fact]
    public async Task The_same_again_finds_the_first_one_until_its_starter_has_left()
    {
        var (ann, ben, cat) = (await _one.SignInAsync(), await _one.SignInAsync(), await _one.SignInAsync());
        var id = Guid.CreateVersion7().ToString();

        var first = (await StartAsync(_one, ann, id, "us", ben, cat)).Is(201);
        Assert.Equal(id, first.Text("conversation_id"));
        (await StartAsync(_one, ann, id.ToUpperInvariant(), "us", cat, ben, ann, cat)).Is(200);
        (await _one.PatchAsync($"/v1/conversations/{id}", new { title = "them" }, ann.Access)).Is(200);
        (await _one.DeleteAsync($"/v1/conversations/{id}/members/{cat.User}", cat.Access)).Is(204);
        (await _one.SendAsync(HttpMethod.Put, $"/v1/blocks/{ann.User}", null, ben.Access)).Is(204);
        (await _one.DeleteAsync("/v1/users/me", cat.Access)).Is(204);
        var again = (await StartAsync(_two, ann, id, "us", ben, cat)).Is(200);
        Assert.Equal((id, "them"), (again.Text("conversation_id"), again.Text("title")));

        (await StartAsync(_one, ann, id, "others", ben, cat)).IsProblem(409, "conversation_id_reused");
        (await StartAsync(_one, ann, id, "us", ben)).IsProblem(409, "conversation_id_reused");
        (await StartAsync(_one, ben, id, "us", ann, cat)).IsProblem(409, "conversation_id_reused");
        (await StartAsync(_one, await _one.SignInAsync(), id, "us", ben)).IsProblem(409, "conversation_id_reused");

        (await _one.DeleteAsync($"/v1/conversations/{id}/members/{ann.User}", ann.Access)).Is(204);
        (await StartAsync(_one, ann, id, "us", ben, cat)).IsProblem(404, "conversation_unknown");
    }

    [Fact]
    public async Task Posts_at_two_nodes_at_once_give_one_group()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        for (var round = 0; round < 5; round++)
        {
            var id = Guid.NewGuid().ToString();
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(n => StartAsync(n % 2 == 0 ? _one : _two, ann, id, "us", ben)));

            Assert.Equal(1, answers.Count(answer => answer.Status == 201));
            Assert.Equal(7, answers.Count(answer => answer.Status == 200));
            Assert.All(answers, answer => Assert.Equal(id, answer.Text("conversation_id")));
            Assert.All(answers, answer => Assert.Equal(0, answer["last_seq"].GetInt32()));
        }
    }

    [Fact]
    public async Task Of_two_users_who_choose_one_id_at_once_one_has_it()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        var id = Guid.NewGuid().ToString();

        var answers = await Task.WhenAll(StartAsync(_one, ann, id, "us"), StartAsync(_two, ben, id, "us"));

        Assert.Equal([201, 409], answers.Select(answer => answer.Status).Order());
    }

    [Fact]
    public async Task Ids_that_no_group_may_have()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        var direct = (await _one.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { ben.User } }, ann.Access))
            .Is(201).Text("conversation_id");

        (await StartAsync(_one, ann, "us", "us")).IsInvalid("conversation_id");
        (await StartAsync(_one, ann, Guid.Empty.ToString(), "us")).IsInvalid("conversation_id");
        (await StartAsync(_one, ann, direct, "us")).IsInvalid("conversation_id");
        var body = new { type = "direct", member_ids = new[] { ben.User }, conversation_id = Guid.NewGuid() };
        (await _one.PostAsync("/v1/conversations", body, ann.Access)).IsInvalid("conversation_id");
        var own = (await _one.PostAsync("/v1/conversations", new { type = "group", title = "us" }, ann.Access)).Is(201);
        (await StartAsync(_one, ann, own.Text("conversation_id"), "us")).IsProblem(409, "conversation_id_reused");
    }

    private static Task<Answer> StartAsync(
        ChatServer node, Tokens who, string id, string title, params Tokens[] others) => node.PostAsync(
        "/v1/conversations",
        new { type = "group", title, member_ids = others.Select(other => other.User), conversation_id = id },
        who.Access);
}
