using System.IO.Compression;
using System.Text;
using System.Text.Json;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Testing;
using ChatCqrs.WebApi.Tests.Accounts;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.WebApi.Tests.Auditing;

/// <summary>Those who take part in an audit, and their calls.</summary>
internal static class AuditCalls
{
    /// <summary>Has the roles <c>admin</c> and <c>auditor</c> in Development.</summary>
    public static Task<Tokens> SignInAuditorAsync(this ChatServer server) => server.SignInAsync("+12025550199");

    /// <summary>Has the roles <c>admin</c> and <c>compliance</c> in Development.</summary>
    public static Task<Tokens> SignInComplianceAsync(this ChatServer server) => server.SignInAsync("+12025550198");

    public static object AMatter(
        string[]? conversations = null, string[]? users = null, DateTimeOffset? until = null, string? reason = "Why.",
        bool content = true, DateTimeOffset? from = null, DateTimeOffset? to = null) => new
        {
            title = "Complaint 12",
            reason,
            conversation_ids = conversations,
            user_ids = users,
            from,
            to,
            content,
            until = until ?? DateTimeOffset.UtcNow.AddDays(3),
        };

    /// <summary>A matter that is approved.</summary>
    public static async Task<string> OpenMatterAsync(
        this ChatServer server, Tokens auditor, Tokens compliance, object matter)
    {
        var id = (await server.PostAsync("/v1/audit/matters", matter, auditor.Access)).Is(201).Text("matter_id");
        (await server.PostAsync($"/v1/audit/matters/{id}/approval", new { approve = true }, compliance.Access)).Is(200);
        return id;
    }

    public static async Task<string> StartDirectAsync(this ChatServer server, Tokens one, Tokens other) =>
        (await server.PostAsync(
            "/v1/conversations", new { type = "direct", member_ids = new[] { other.User } }, one.Access))
        .Text("conversation_id");

    public static async Task<string> StartGroupAsync(this ChatServer server, Tokens one, params Tokens[] others) =>
        (await server.PostAsync(
            "/v1/conversations",
            new { type = "group", title = "Group", member_ids = others.Select(other => other.User).ToArray() },
            one.Access))
        .Is(201).Text("conversation_id");

    /// <summary>Waits until all of a conversation is under a published head.</summary>
    public static Task LoggedAsync(this ChatServer server, Tokens auditor, string conversation) => Eventually.IsTrue(
        async () => (await server.GetAsync($"/v1/audit/conversations/{conversation}/verification", auditor.Access))
            is { Status: 200 } verified && verified["anchored_seq"].ValueKind == JsonValueKind.Number
            && verified["anchored_seq"].GetInt64() == verified["events"].GetInt64() - 1,
        "a published head covers the conversation");

    /// <summary>Asks for an export, and downloads it once it is done.</summary>
    public static async Task<byte[]> DownloadAsync(this ChatServer server, Tokens auditor, object body)
    {
        var id = (await server.PostAsync("/v1/audit/exports", body, auditor.Access)).Is(202).Text("export_id");
        Answer? found = null;
        await Eventually.IsTrue(
            async () => (found = await server.GetAsync($"/v1/audit/exports/{id}", auditor.Access)).Is(200)
                .Text("status") == "done",
            "the export is done");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/audit/exports/{id}/file");
        request.Headers.Authorization = new("Bearer", auditor.Access);
        using var answer = await server.Http.SendAsync(request);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        Assert.Equal(found!["size"].GetInt64(), bytes.Length);
        return bytes;
    }

    /// <summary>The files of an export by name.</summary>
    public static async Task<Dictionary<string, byte[]>> ExportAsync(
        this ChatServer server, Tokens auditor, object body) => Unzip(await server.DownloadAsync(auditor, body));

    public static Dictionary<string, byte[]> Unzip(byte[] bytes)
    {
        using var zip = new ZipArchive(new MemoryStream(bytes));
        return zip.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using var content = new MemoryStream();
            using var stream = entry.Open();
            stream.CopyTo(content);
            return content.ToArray();
        });
    }

    /// <summary>Sends a message, and finds its event.</summary>
    public static async Task<(SealScope Scope, SealedContent Content, DateTimeOffset At)> SendSealedAsync(
        this ChatServer server, Tokens from, Tokens to, string? file = null)
    {
        var id = Guid.CreateVersion7();
        object message = file is null
            ? new { message_id = id, receiver_id = to.User, type = "text", text = "hello" }
            : new { message_id = id, receiver_id = to.User, type = "image", media_object = new { file_id = file } };
        var conversation = (await server.PostAsync("/v1/messages", message, from.Access)).Text("conversation_id");
        var (store, codec) = (
            server.Services.GetRequiredService<IEventStore>(), server.Services.GetRequiredService<IEventCodec>());
        var stored = await store.ReadStreamAsync(
            StreamName.Of(new ConversationId(Guid.Parse(conversation))), 0, ReadDirection.Forwards, 100, default);
        var sent = stored.Select(codec.Decode).Select(fact => fact.Event)
            .OfType<ConversationEvent.MessageSent>().Single(sent => sent.MessageId.Value == id);
        return (
            new SealScope(sent.ExpiresAt, sent.Sender, new(Guid.Parse(conversation)), sent.MessageId), sent.Content,
            sent.At);
    }

    public static async Task<string?> OpenSealedAsync(
        this ChatServer server, (SealScope Scope, SealedContent Content, DateTimeOffset At) message)
    {
        var open = await server.Services.GetRequiredService<IAuditedContent>().OpenAsync(
            message.Scope, message.Content, message.At, default);
        return open is { } bytes && Encoding.UTF8.GetString(bytes.Span).Contains("hello", StringComparison.Ordinal)
            ? "hello"
            : null;
    }
}
