using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
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
            message.Scope, message.Content, default);
        return open is { } bytes && Encoding.UTF8.GetString(bytes.Span).Contains("hello", StringComparison.Ordinal)
            ? "hello"
            : null;
    }
}
