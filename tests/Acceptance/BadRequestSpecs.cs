using System.Text;
using ChatCqrs.Acceptance.Client;
using ChatCqrs.Acceptance.Server;

namespace ChatCqrs.Acceptance;

/// <summary>
/// A bad request gets a clear problem, never a 5xx, and stores nothing. <see cref="Answer"/> checks that the problem is
/// complete.
/// </summary>
public sealed class BadRequestSpecs(Product product) : IClassFixture<Product>
{
    /// <summary>
    /// Message bodies with placeholders such as {me}, the accepted statuses, and the field the problem names.
    /// </summary>
    private static readonly (string Name, string Body, int[] Statuses, string? Field)[] Bodies =
    [
        ("no JSON", "{", [400], null),
        ("empty body", "", [400], null),
        ("null", "null", [400], null),
        ("array", "[]", [400], null),
        ("string", "\"hello\"", [400], null),
        ("number", "42", [400], null),
        ("trailing rubbish", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x"} x""", [400], null),
        ("too deep", Deep, [400], null),
        ("empty object", "{}", [400], "message_id"),
        ("no message_id", """{"receiver_id":"{bob}","type":"text","text":"x"}""", [400], "message_id"),
        ("message_id null", """{"message_id":null,"receiver_id":"{bob}","type":"text","text":"x"}""", [400], "message_id"),
        ("message_id no UUID", """{"message_id":"abc","receiver_id":"{bob}","type":"text","text":"x"}""", [400], null),
        ("message_id a number", """{"message_id":7,"receiver_id":"{bob}","type":"text","text":"x"}""", [400], null),
        ("message_id an object", """{"message_id":{},"receiver_id":"{bob}","type":"text","text":"x"}""", [400], null),
        ("message_id all zeros", """{"message_id":"00000000-0000-0000-0000-000000000000","receiver_id":"{bob}","type":"text","text":"x"}""", [400], "message_id"),
        ("message_id NUL", """{"message_id":"\u0000","receiver_id":"{bob}","type":"text","text":"x"}""", [400], null),
        ("no receiver", """{"message_id":"{id}","type":"text","text":"x"}""", [400], null),
        ("both receivers", """{"message_id":"{id}","receiver_id":"{bob}","conversation_id":"{conversation}","type":"text","text":"x"}""", [400], null),
        ("receiver rubbish", """{"message_id":"{id}","receiver_id":"bob","type":"text","text":"x"}""", [400, 404], null),
        ("receiver empty", """{"message_id":"{id}","receiver_id":"","type":"text","text":"x"}""", [400], null),
        ("receiver NUL", """{"message_id":"{id}","receiver_id":"\u0000","type":"text","text":"x"}""", [400, 404], null),
        ("receiver half a surrogate", """{"message_id":"{id}","receiver_id":"\ud800","type":"text","text":"x"}""", [400, 404], null),
        ("receiver a number", """{"message_id":"{id}","receiver_id":12345,"type":"text","text":"x"}""", [400], null),
        ("receiver an array", """{"message_id":"{id}","receiver_id":["{bob}"],"type":"text","text":"x"}""", [400], null),
        ("receiver no phone", """{"message_id":"{id}","receiver_id":"+12","type":"text","text":"x"}""", [400, 404], null),
        ("conversation no UUID", """{"message_id":"{id}","conversation_id":"12","type":"text","text":"x"}""", [400, 404], null),
        ("another's sender_id", """{"message_id":"{id}","sender_id":"{bob}","receiver_id":"{bob}","type":"text","text":"x"}""", [403], null),
        ("sender_id no UUID", """{"message_id":"{id}","sender_id":"me","receiver_id":"{bob}","type":"text","text":"x"}""", [400, 403], null),
        ("no type", """{"message_id":"{id}","receiver_id":"{bob}","text":"x"}""", [400], "type"),
        ("unknown type", """{"message_id":"{id}","receiver_id":"{bob}","type":"telepathy","text":"x"}""", [400], "type"),
        ("type a number", """{"message_id":"{id}","receiver_id":"{bob}","type":0,"text":"x"}""", [400], null),
        ("no text", """{"message_id":"{id}","receiver_id":"{bob}","type":"text"}""", [400], null),
        ("text null", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":null}""", [400], null),
        ("text empty", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":""}""", [400], null),
        ("text a number", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":5}""", [400], null),
        ("text an object", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":{"a":1}}""", [400], null),
        ("text half a surrogate", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"\ud83d"}""", [400], null),
        ("text the wrong half", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"a\udc4db"}""", [400], null),
        ("text a byte too long", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"{65537}"}""", [400, 413], null),
        ("text too long in UTF-8", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"{umlauts}"}""", [400, 413], null),
        ("ciphertext too long", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","ciphertext":"{cipher}"}""", [400, 413], null),
        ("reply_to no UUID", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x","reply_to":"that"}""", [400], null),
        ("epoch a string", """{"message_id":"{id}","receiver_id":"{bob}","type":"text","text":"x","epoch":"one"}""", [400], null),
    ];

    private static readonly (string Name, string Path)[] Paths =
    [
        ("limit 0", "/v1/conversations?limit=0"),
        ("limit 201", "/v1/conversations?limit=201"),
        ("limit x", "/v1/conversations?limit=x"),
        ("limit negative", "/v1/messages?limit=-1"),
        ("limit 201 of messages", "/v1/messages?limit=201"),
        ("limit a fraction", "/v1/messages?limit=1.5"),
        ("limit huge", "/v1/messages?limit=99999999999999999999"),
        ("cursor rubbish", "/v1/conversations?cursor=rubbish"),
        ("cursor of nothing", "/v1/messages?cursor=AAAA"),
        ("cursor binary", "/v1/conversations?cursor=%ff%00%fe"),
        ("cursor quotes", "/v1/messages?cursor=%27%22%3b--"),
        ("timeline after x", "/v1/conversations/{conversation}/timeline?after_seq=x"),
        ("timeline after huge", "/v1/conversations/{conversation}/timeline?after_seq=99999999999999999999999"),
        ("timeline limit 0", "/v1/conversations/{conversation}/timeline?limit=0"),
        ("timeline limit 201", "/v1/conversations/{conversation}/timeline?limit=201"),
        ("messages before x", "/v1/conversations/{conversation}/messages?before_seq=x"),
        ("messages limit 201", "/v1/conversations/{conversation}/messages?limit=201"),
        ("user_id no UUID", "/v1/messages?user_id=me"),
    ];

    public static TheoryData<string> BodyNames => [.. Bodies.Select(bad => bad.Name)];

    public static TheoryData<string> PathNames => [.. Paths.Select(bad => bad.Name)];

    private static string Deep => string.Concat(Enumerable.Repeat("{\"text\":", 2000)) + "1" + new string('}', 2000);

    [Theory]
    [MemberData(nameof(BodyNames))]
    public async Task A_bad_message_gets_a_clear_problem(string name)
    {
        var (_, template, statuses, field) = Bodies.Single(bad => bad.Name == name);
        var (ada, bob) = await product.PairAsync();
        var conversation = (await ada.SayAsync(bob, "a good one")).ConversationId;
        var answer = (await ada.PostAsync("/v1/messages", Fill(template, ada, bob, conversation))).Expect(statuses);
        if (field is not null)
            Assert.Contains(
                answer.Json.GetProperty("errors").EnumerateObject(),
                error => string.Equals(error.Name, field, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(2, (await ada.TimelineAsync(conversation, 1)).Count);
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public async Task A_bad_query_gets_a_clear_problem(string name)
    {
        var (ada, bob) = await product.PairAsync();
        var conversation = (await ada.SayAsync(bob, "a good one")).ConversationId;
        var path = Fill(Paths.Single(bad => bad.Name == name).Path, ada, bob, conversation);
        (await ada.GetAsync(path)).Expect(name == "user_id no UUID" ? [400, 403] : [400]);
    }

    [Fact]
    public async Task Bad_receipts_get_a_clear_problem()
    {
        var (ada, bob) = await product.PairAsync();
        var sent = await ada.SayAsync(bob, "one");
        var path = $"/v1/conversations/{sent.ConversationId}/receipts";
        foreach (var body in (string[])["{}", "[]", "", """{"delivered_seq":2}""", """{"read_seq":2}""",
            """{"delivered_seq":-1}""", """{"read_seq":-5}""", """{"read_seq":"x"}""", """{"read_seq":1.5}""",
            """{"delivered_seq":99999999999999999999}""", """{"delivered_seq":1,"read_seq":2}"""])
            (await bob.PostAsync(path, body)).Expect(400);
        Assert.Null((await ada.RecipientAsync(sent.ConversationId, sent.MessageId)).DeliveredAt);
    }

    [Fact]
    public async Task Bodies_that_are_not_UTF_8_JSON_are_refused()
    {
        var (ada, bob) = await product.PairAsync();
        var good = Json.Write(Draft.To(bob.Id, "hello"));
        async Task<Answer> Post(byte[] bytes, string mediaType) =>
            await product.Api.SendAsync(HttpMethod.Post, "/v1/messages", Json.Raw(bytes, mediaType), ada.Token);

        byte[] broken = [.. Encoding.UTF8.GetBytes(good.Replace("hello\"}", "", StringComparison.Ordinal)), 0xff, 0xfe,
            0xc3, 0x28, (byte)'"', (byte)'}'];
        (await Post(broken, "application/json")).Expect(400);
        (await Post(Encoding.UTF8.GetBytes(good), "text/plain")).Expect(415);
        (await Post(Encoding.UTF8.GetBytes(good), "application/xml")).Expect(415);
        (await Post("message_id=1"u8.ToArray(), "application/x-www-form-urlencoded")).Expect(415);
        (await Post(Encoding.UTF8.GetBytes(good), "application/json; charset=klingon")).Expect(400, 415);
        (await product.Api.SendAsync(HttpMethod.Post, "/v1/messages", token: ada.Token)).Expect(400, 415);
        (await Post(new byte[4 * 1024 * 1024], "application/json")).Expect(413, 400);
        Assert.Empty(await bob.UnreadAsync());
    }

    [Fact]
    public async Task Messages_just_within_the_limits_are_accepted()
    {
        var (ada, bob) = await product.PairAsync();
        await using var bobs = await bob.ConnectAsync();
        string[] texts = [new('a', 65_536), new('ä', 32_768), "a\u0000b", "\ufeff", "\u202e", "👩‍👩‍👧‍👦", " "];
        foreach (var text in texts.Take(6))
        {
            var sent = await ada.SayAsync(bob, text);
            Assert.Equal(text, (await bobs.MessageAsync(sent.MessageId)).Text);
        }
        string[] ciphers = [Convert.ToBase64String(new byte[256 * 1024]), new('+', 349_524), new('<', 262_144),
            new('ä', 131_072)];
        foreach (var cipher in ciphers)
        {
            // Written raw: an escaped character would count with the length of its escape.
            var draft = Draft.To(bob.Id, "");
            var body =
                $$"""{"message_id":"{{draft.Id}}","receiver_id":"{{bob.Id}}","type":"text","ciphertext":"{{cipher}}"}""";
            var beside = Enumerable.Range(0, 5).Select(n => ada.SayAsync(bob, $"beside {n}")).ToList();
            var ciphered = (await ada.PostAsync("/v1/messages", body)).Expect(201).Read<Sent>();
            Assert.Equal(cipher, (await bobs.MessageAsync(ciphered.MessageId)).Ciphertext);
            Assert.Equal(ciphered, (await ada.PostAsync("/v1/messages", body)).Expect(200).Read<Sent>());
            await Task.WhenAll(beside);
        }
        var extra = (await ada.PostMessageAsync(
            Draft.To(bob.Id, "with something new").With("some_future_field", new[] { 1 }))).Expect(201).Read<Sent>();
        Assert.Equal("with something new", (await bobs.MessageAsync(extra.MessageId)).Text);
    }

    [Fact]
    public async Task Bad_accounts_and_conversations_get_a_clear_problem()
    {
        var (ada, bob) = await product.PairAsync();
        foreach (var phone in (string?[])["", "12345", "+1", "+0123456789", "+12 025 550 199", "+1202555019x",
            "+123456789012345678", "++12025550100", "\u0000", "+1202\u0000555", null])
            (await product.Api.PostAsync("/v1/registrations", new { phone })).Expect(400);
        foreach (var body in (string[])["", "{", "[]", "{}", """{"phone":12025550100}""", """{"phone":"\ud800"}""",
            """{"phone":"+4915112345678","name":5}""", """{"phone":"+4915112345678","name":"\ud800"}"""])
            (await product.Api.PostAsync("/v1/registrations", body)).Expect(400);
        (await product.Api.PostAsync("/v1/registrations", $$"""{"phone":"{{Phones.Next()}}","name":"a\u0000b"}"""))
            .Expect(202, 400);
        (await product.Api.PostAsync(
            "/v1/registrations", new { phone = Phones.Next(), name = new string('n', 100_000) })).Expect(400, 413);

        var begun = (await product.Api.PostAsync("/v1/registrations", new { phone = Phones.Next() }))
            .Expect(202).Read<Registration>();
        foreach (var body in (string[])["{}", """{"code":null}""", """{"code":123456}""",
            """{"code":"123456","device":"phone"}""", """{"code":"12345","device":{"name":"x","platform":"web"}}""",
            "[]", "{"])
            (await product.Api.PostAsync($"/v1/registrations/{begun.RegistrationId}/verification", body)).Expect(400);
        foreach (var body in (string[])["{}", """{"refresh_token":5}""", """{"refresh_token":""}""", "null"])
            (await product.Api.PostAsync("/v1/tokens/refresh", body)).Expect(400, 401);

        foreach (var body in (string[])["{}", """{"type":"direct"}""", """{"type":"direct","member_ids":[]}""",
            """{"type":"direct","member_ids":["x"]}""", """{"type":"direct","member_ids":null}""",
            """{"type":"direct","member_ids":"{bob}"}""", """{"type":"club","member_ids":["{bob}"]}""",
            """{"member_ids":["{bob}"]}""", """{"type":"direct","member_ids":["{bob}","{id}"]}"""])
            (await ada.PostAsync("/v1/conversations", Fill(body, ada, bob, default))).Expect(400);

        foreach (var body in (string[])["", "[]", """{"name":5}""", """{"name":"\ud800"}""", """{"about":{}}"""])
            (await ada.PatchAsync("/v1/users/me", body)).Expect(400);
        (await ada.PatchAsync("/v1/users/me", new { name = new string('n', 100_000) })).Expect(400, 413);
        (await ada.PatchAsync("/v1/users/me", """{"about":"a\u0000b"}""")).Expect(200, 204, 400);
        Assert.Equal("Ada", (await ada.GetAsync("/v1/users/me")).Expect(200).Json.Text("name"));
    }

    [Fact]
    public async Task Unknown_addresses_get_a_problem_too()
    {
        var ada = await product.RegisterAsync();
        foreach (var path in (string[])["/v1/nothing", "/v2/messages", "/v1/messages/what", "/v1/users/not-a-uuid",
            "/v1/conversations/not-a-uuid", "/v1/conversations/00000000-0000-0000-0000-000000000000",
            "/v1/conversations/%ff/messages", "/v1/conversations/%00/messages"])
            (await ada.GetAsync(path)).Expect(404, 400);
        (await ada.DeleteAsync("/v1/messages")).Expect(404, 405);
        (await ada.PutAsync("/v1/conversations", new { })).Expect(404, 405);
        (await ada.DeleteAsync("/v1/devices/not-a-uuid")).Expect(404, 400);
        (await ada.GetAsync("/v1/ws")).Expect(400, 426); // Without an Upgrade header.
    }

    private static string Fill(string template, Person ada, Person bob, Guid conversation) => template
        .Replace("{me}", ada.Id.ToString(), StringComparison.Ordinal)
        .Replace("{bob}", bob.Id.ToString(), StringComparison.Ordinal)
        .Replace("{id}", Guid.CreateVersion7().ToString(), StringComparison.Ordinal)
        .Replace("{conversation}", conversation.ToString(), StringComparison.Ordinal)
        .Replace("{65537}", new string('a', 65_537), StringComparison.Ordinal)
        .Replace("{umlauts}", new string('ä', 32_769), StringComparison.Ordinal)
        .Replace("{cipher}", Convert.ToBase64String(new byte[256 * 1024 + 1]), StringComparison.Ordinal);
}
