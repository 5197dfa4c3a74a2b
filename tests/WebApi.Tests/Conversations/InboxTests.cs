using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Application.Inbox;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Tests.Accounts;
using ChatCqrs.WebApi.Tests.Media;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Conversations;

/// <summary>One page of the inbox is all that a client needs to draw its list.</summary>
public sealed class InboxTests(MediaServer server) : IClassFixture<MediaServer>
{
    [Fact]
    public async Task A_direct_conversation_shows_whom_it_is_with()
    {
        var (ann, ben) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync(name: "Ben"));
        var started = await StartAsync(ann, new { type = "direct", member_ids = new[] { ben.User } });
        Assert.Equal((ben.User, "Ben", null, 2), Shown(started));

        var avatar = await server.UploadedAsync(ben, MediaServer.Picture());
        (await server.PatchAsync("/v1/users/me", new { name = "Benjamin", avatar }, ben.Access)).Is(200);

        Assert.Equal((ben.User, "Benjamin", avatar, 2), await ListedAsync(ann));
        Assert.Equal((ben.User, "Benjamin", avatar, 2), await OneAsync(ann, started));
        Assert.Equal((ann.User, "Ann", null, 2), await ListedAsync(ben));
        Assert.Equal((ann.User, "Ann", null, 2), await OneAsync(ben, started));
    }

    [Fact]
    public async Task Who_has_erased_their_account_has_an_id_and_no_names()
    {
        var (ann, ben) = (await server.SignInAsync(), await server.SignInAsync(name: "Ben"));
        var started = await StartAsync(ann, new { type = "direct", member_ids = new[] { ben.User } });
        Assert.Equal("Ben", (await ListedAsync(ann)).Name);

        (await server.DeleteAsync("/v1/users/me", ben.Access)).Is(204);

        await Testing.Eventually.IsTrue(
            async () => (await ListedAsync(ann)).Name is null, "the erased account's name is shown no more");
        Assert.Equal((ben.User, null, null, 2), await ListedAsync(ann));
        Assert.Equal((ben.User, null, null, 2), await OneAsync(ann, started));
    }

    [Fact]
    public async Task A_group_shows_how_many_its_members_are_now()
    {
        var (ann, ben, cat) = (await server.SignInAsync(), await server.SignInAsync(), await server.SignInAsync());
        var started = await StartAsync(ann, new { type = "group", title = "us", member_ids = new[] { ben.User } });
        var group = $"/v1/conversations/{started.GetProperty("conversation_id").GetString()}";
        Assert.Equal((null, null, null, 2), Shown(started));

        (await server.PostAsync(group + "/members", new { user_ids = new[] { cat.User } }, ann.Access)).Is(200);
        await IsAsync(3);
        (await server.DeleteAsync($"{group}/members/{cat.User}", cat.Access)).Is(204);
        await IsAsync(2);
        (await server.DeleteAsync($"{group}/members/{ben.User}", ann.Access)).Is(204);
        await IsAsync(1);
        (await server.PostAsync(group + "/members", new { user_ids = new[] { cat.User } }, ann.Access)).Is(200);
        await IsAsync(2);

        async Task IsAsync(int members)
        {
            Assert.Equal((null, null, null, members), await ListedAsync(ann));
            Assert.Equal((null, null, null, members), await OneAsync(ann, started));
        }
    }

    [Fact]
    public async Task Members_are_listed_with_names_roles_and_when_they_joined()
    {
        var (ann, ben) = (await server.SignInAsync(name: "Ann"), await server.SignInAsync());
        var started = await StartAsync(
            ann, new { type = "group", title = "us", member_ids = Array.Empty<string>() });
        var group = $"/v1/conversations/{started.GetProperty("conversation_id").GetString()}";

        (await server.PostAsync(group + "/members", new { user_ids = new[] { ben.User } }, ann.Access)).Is(200);

        var members = (await server.GetAsync(group + "/members", ben.Access)).Is(200)["members"];
        Assert.Equal(
            [
                $$"""{"user_id":"{{ann.User}}","name":"Ann","role":"admin","joined_seq":0}""",
                $$"""{"user_id":"{{ben.User}}","name":null,"role":"member","joined_seq":1}""",
            ],
            members.EnumerateArray().Select(member => member.GetRawText()));
    }

    [Fact]
    public async Task A_page_of_many_conversations_costs_as_many_queries_as_one_of_few()
    {
        var (few, many) = (await WithConversationsAsync(2), await WithConversationsAsync(9));
        await using var cold = new ChatServer { Beside = server };
        await cold.InitializeAsync();
        (await cold.GetAsync("/v1/conversations", (await server.SignInAsync()).Access)).Is(200); // The node is warm.

        Assert.Equal(await QueriesAsync(cold, few, 4), await QueriesAsync(cold, many, 18));
    }

    /// <summary>Somebody with direct conversations and as many groups, each with a message of somebody else.</summary>
    private async Task<Tokens> WithConversationsAsync(int count)
    {
        var ann = await server.SignInAsync();
        for (var n = 0; n < count; n++)
        {
            var ben = await server.SignInAsync(name: "Ben");
            var group = (await StartAsync(ben, new { type = "group", title = "us", member_ids = new[] { ann.User } }))
                .GetProperty("conversation_id").GetString();
            (await SayAsync(ben, ann.User)).Is(201);
            (await SayAsync(ben, group!)).Is(201);
        }

        return ann;
    }

    private Task<Answer> SayAsync(Tokens who, string to) => server.PostAsync(
        "/v1/messages", new { message_id = Guid.CreateVersion7(), receiver_id = to, type = "text", text = "hello" },
        who.Access);

    /// <summary>How many commands a node that knows nothing yet sends to the database for a page.</summary>
    private static async Task<int> QueriesAsync(ChatServer node, Tokens who, int conversations)
    {
        using var page = new Activity("page").SetIdFormat(ActivityIdFormat.W3C).Start();
        var queries = new ConcurrentBag<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == page.TraceId ? ActivitySamplingResult.AllData : ActivitySamplingResult.None,
            ActivityStopped = query => queries.Add(query.DisplayName),
        };
        ActivitySource.AddActivityListener(listener);
        var shown = await node.Services.GetRequiredService<IMediator>().Send(
            new GetInbox.Query(new UserId(Guid.Parse(who.User)), null, null));
        Assert.Equal(conversations, shown.Conversations.Count);
        Assert.NotEmpty(queries);
        return queries.Count;
    }

    private async Task<JsonElement> StartAsync(Tokens who, object body) =>
        (await server.PostAsync("/v1/conversations", body, who.Access)).Is(201).Body;

    private async Task<(string? User, string? Name, string? Avatar, int Members)> ListedAsync(Tokens who) =>
        Shown(Assert.Single(
            (await server.GetAsync("/v1/conversations", who.Access)).Is(200)["conversations"].EnumerateArray()));

    private async Task<(string? User, string? Name, string? Avatar, int Members)> OneAsync(
        Tokens who, JsonElement conversation) => Shown(
        (await server.GetAsync($"/v1/conversations/{conversation.GetProperty("conversation_id")}", who.Access))
            .Is(200).Body);

    private static (string? User, string? Name, string? Avatar, int Members) Shown(JsonElement conversation)
    {
        Assert.Equal(JsonValueKind.Null, conversation.GetProperty("encryption").ValueKind);
        var members = conversation.GetProperty("member_count").GetInt32();
        var with = conversation.GetProperty("with");
        if (with.ValueKind == JsonValueKind.Null)
            return (null, null, null, members);
        Assert.Equal(["user_id", "name", "avatar"], with.EnumerateObject().Select(member => member.Name));
        return (
            with.GetProperty("user_id").GetString(), with.GetProperty("name").GetString(),
            with.GetProperty("avatar").GetString(), members);
    }
}
