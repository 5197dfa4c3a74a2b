using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;

namespace ChatCqrs.WebApi.Tests.Realtime;

/// <summary>
/// Two nodes on one log that announce nothing to each other: without Redis every announcement is lost.
/// </summary>
[Collection(Measurement.Name)]
public sealed class FollowTests(TwoServers nodes) : IClassFixture<TwoServers>
{
    /// <summary>How soon each node knows what the other appended (docs/adr/0003).</summary>
    private static readonly TimeSpan KnownAfter = TimeSpan.FromSeconds(2);

    private readonly ChatServer _one = nodes.One, _two = nodes.Two;

    [Fact]
    public async Task Who_was_removed_at_one_node_has_no_access_at_the_other_within_two_seconds()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        var group = await StartGroupAsync(ann, ben);
        (await _two.GetAsync(group, ben.Access)).Is(200); // Now it is in the other node's memory.

        (await _one.DeleteAsync($"{group}/members/{ben.User}", ann.Access)).Is(204);

        var removed = Stopwatch.StartNew();
        await Eventually.IsTrue(
            async () => (await _two.GetAsync(group, ben.Access)).Status == 404, "the other node knows of the removal");
        Assert.InRange(removed.Elapsed, TimeSpan.Zero, KnownAfter);
    }

    [Fact]
    public async Task Sockets_at_the_other_node_get_entries_of_known_and_of_new_conversations_within_two_seconds()
    {
        var (ann, ben) = (await _one.SignInAsync(), await _one.SignInAsync());
        using var socket = await _two.ConnectAsync(ben.Access);
        await GetsAsync(socket, "synced");

        for (var n = 1; n <= 3; n++)
        {
            var id = Guid.CreateVersion7();
            var message = new { message_id = id, receiver_id = ben.User, type = "text", text = "hello" };
            (await _one.PostAsync("/v1/messages", message, ann.Access)).Is(201);
            await GetsAsync(socket, id.ToString());
        }
    }

    [Fact]
    public async Task Sockets_at_the_other_node_learn_that_their_user_was_added_to_a_group_and_removed()
    {
        var (ann, ben, eve) = (await _one.SignInAsync(), await _one.SignInAsync(), await _one.SignInAsync());
        var group = await StartGroupAsync(ann, eve);
        using var socket = await _two.ConnectAsync(ben.Access);
        await GetsAsync(socket, "synced");

        (await _one.PostAsync($"{group}/members", new { user_ids = new[] { ben.User } }, ann.Access)).Is(200);
        await GetsAsync(socket, "member_added");
        (await _one.DeleteAsync($"{group}/members/{ben.User}", ann.Access)).Is(204);
        await GetsAsync(socket, "member_removed");
    }

    private async Task<string> StartGroupAsync(Tokens by, Tokens with)
    {
        var group = new { type = "group", title = "Us", member_ids = new[] { with.User } };
        var started = (await _one.PostAsync("/v1/conversations", group, by.Access)).Is(201);
        return $"/v1/conversations/{started.Text("conversation_id")}";
    }

    /// <summary>Waits for a frame that has a text in it.</summary>
    private static async Task GetsAsync(WebSocket socket, string text)
    {
        var since = Stopwatch.StartNew();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var frame = await socket.ReceiveAsync(buffer.AsMemory(), Eventually.Cancelled());
            Assert.True(frame.EndOfMessage);
            if (Encoding.UTF8.GetString(buffer, 0, frame.Count).Contains(text, StringComparison.Ordinal))
                break;
        }

        Assert.InRange(since.Elapsed, TimeSpan.Zero, KnownAfter);
    }
}
