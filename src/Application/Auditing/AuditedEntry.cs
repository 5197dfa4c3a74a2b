using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;

namespace ChatCqrs.Application.Auditing;

/// <summary>A message as an auditor sees it at a moment, in <c>state</c> and in <c>replay</c>.</summary>
public sealed record AuditedEntry
{
    public required long Seq { get; init; }
    public string Kind { get; init; } = "message";

    /// <summary>When it was sent.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Who sent it.</summary>
    public required Guid ActorId { get; init; }

    public required Guid MessageId { get; init; }
    public required string Type { get; init; }

    /// <summary>The message that it answers; null for none, and where it has gone with the log.</summary>
    public required Guid? ReplyTo { get; init; }

    /// <summary>What stood in it; null where it is sealed or gone.</summary>
    public required AuditedContentView? Content { get; init; }

    /// <summary>True where there is content that the call may not open; else absent.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Sealed { get; init; }

    /// <summary>
    /// Why there is no content: <c>expired</c>, <c>deleted</c>, <c>erased</c> (its author's account was),
    /// <c>truncated</c> (the log has lost it), or <c>altered</c> (its bytes are not those that were written); else
    /// absent.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Gone { get; init; }

    public required DateTimeOffset? EditedAt { get; init; }
    public required DateTimeOffset? DeletedAt { get; init; }

    /// <summary>The users by emoji, in the order of reacting; none once the content has gone.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<Guid>> Reactions { get; init; }

    /// <summary>In a poll, the users by the index of the option; absent in other messages.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, IReadOnlyList<Guid>>? Votes { get; init; }
}

/// <summary>The opened content of a message.</summary>
public sealed record AuditedContentView(
    string? Text, JsonElement? MediaObject, JsonElement? Document, string? Ciphertext);

/// <summary>What of a message an auditor may see.</summary>
/// <param name="Sealed">Whether there is content that the call may not open.</param>
/// <param name="Gone">See <see cref="AuditedEntry.Gone"/>.</param>
public readonly record struct ShownContent(AuditedContentView? Content, bool Sealed, string? Gone);

/// <summary>A member at a moment.</summary>
/// <param name="DeliveredSeq">-1 for nothing; null where nobody can tell any more.</param>
/// <param name="ReadSeq">-1 for nothing; null where nobody can tell any more.</param>
public sealed record AuditedMember(Guid UserId, string Role, long JoinedSeq, long? DeliveredSeq, long? ReadSeq);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(TimestampConverter)])]
[JsonSerializable(typeof(AuditedEntry))]
[JsonSerializable(typeof(AuditedContentView))]
[JsonSerializable(typeof(AuditedEvent))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, IReadOnlyList<Guid>>))]
internal sealed partial class AuditJson : JsonSerializerContext;
