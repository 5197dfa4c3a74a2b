using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>
/// A read with <c>Chat-Min-Position</c> sees the command that answered with that <c>Chat-Position</c>.
/// </summary>
public sealed class ReadYourWritesSpecs(Product product) : IClassFixture<Product>
{
    [Fact]
    public async Task A_read_at_a_command_s_position_sees_the_write_in_every_view()
    {
        var (ada, bob) = await product.PairAsync();
        for (var seq = 1; seq <= 40; seq++)
        {
            var (writer, reader) = seq % 2 == 0 ? (ada, bob) : (bob, ada);
            var posted = (await writer.PostMessageAsync(Draft.To(reader.Id, $"message {seq}"))).Expect(201);
            var sent = posted.Read<Sent>();
            Assert.Equal(seq, sent.Seq);

            var (conversation, position) = (sent.ConversationId, posted.Position);
            Assert.Equal(seq, (await writer.TimelinePageAsync(conversation, limit: 1, after: position)).LastSeq);
            Assert.Equal(sent.MessageId, (await reader.MessageAsync(conversation, sent.MessageId, position)).MessageId);
            Assert.Equal(sent.MessageId, (await reader.UnreadAsync(position))[^1].MessageId);
            var item = await reader.InboxItemAsync(conversation, position);
            Assert.Equal((seq, sent.MessageId, 1), (item.LastSeq, item.LastMessage?.MessageId, item.UnreadCount));

            var read = await reader.ConfirmAsync(conversation, read: seq);
            Assert.Empty(await reader.UnreadAsync(read));
            Assert.Equal(0, (await reader.InboxItemAsync(conversation, read)).UnreadCount);
            Assert.NotNull((await writer.RecipientAsync(conversation, sent.MessageId, read)).ReadAt);
        }
    }

    [Fact]
    public async Task A_registration_is_visible_at_once_and_a_profile_at_its_position()
    {
        for (var i = 0; i < 5; i++)
        {
            var ada = await product.RegisterAsync($"Ada {i}");
            Assert.Equal($"Ada {i}", (await ada.GetAsync("/v1/users/me")).Expect(200).Json.Text("name"));
            var patched = (await ada.PatchAsync("/v1/users/me", new { name = $"Countess {i}" })).Expect(200, 204);
            Assert.Equal(
                $"Countess {i}", (await ada.GetAsync("/v1/users/me", patched.Position)).Expect(200).Json.Text("name"));
        }
    }

    [Fact]
    public async Task The_answer_to_a_command_carries_a_position()
    {
        var (ada, bob) = await product.PairAsync();
        var begun = (await product.Api.PostAsync("/v1/registrations", new { phone = Phones.Next() }))
            .Expect(202).Read<Registration>();
        Answer[] answers =
        [
            await product.Api.PostAsync(
                $"/v1/registrations/{begun.RegistrationId}/verification",
                new { code = begun.Code, device = new { name = "x", platform = "web" } }),
            await ada.PostMessageAsync(Draft.To(bob.Id, "hello")),
            await ada.PostAsync("/v1/conversations", new { type = "direct", member_ids = new[] { bob.Id } }),
            await ada.PatchAsync("/v1/users/me", new { about = "busy" }),
        ];
        Assert.All(answers, answer => Assert.NotEmpty(answer.Position));
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("0x10")]
    [InlineData("99999999999999999999999999999999")]
    [InlineData("AAAA////====")]
    [InlineData("'; DROP TABLE events; --")]
    public async Task An_invalid_position_is_refused(string token)
    {
        var ada = await product.RegisterAsync();
        foreach (var path in (string[])["/v1/conversations", "/v1/messages", "/v1/users/me"])
            (await ada.GetAsync(path, token)).Expect(400);
    }
}
