using System.IO.Pipelines;
using System.Text.Json;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Json;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;

namespace ChatCqrs.Application.Auditing;

/// <summary>Writes the lines of a replay.</summary>
internal sealed class ReplayWriter(PipeWriter output, Action written, CancellationToken cancellationToken)
{
    private static readonly TimestampConverter Times = new();
    private static readonly JsonSerializerOptions Plain = new();

    private readonly LineWriter _lines = new(output, cancellationToken);

    private Utf8JsonWriter Json => _lines.Json;

    /// <summary>Begins a line, to which changes are added.</summary>
    public void Begin(long? seq, DateTimeOffset at, string? type, UserId? actor)
    {
        Json.WriteStartObject();
        if (seq is { } number)
            Json.WriteNumber("seq"u8, number);
        else
            Json.WriteNull("seq"u8);
        Json.WritePropertyName("at"u8);
        Times.Write(Json, at, Plain);
        Json.WriteString("type"u8, type);
        Json.WritePropertyName("actor_id"u8);
        if (actor is { } user)
            Json.WriteStringValue(user.Value);
        else
            Json.WriteNullValue();
        Json.WriteStartArray("changes"u8);
    }

    public async ValueTask EndAsync()
    {
        Json.WriteEndArray();
        Json.WriteEndObject();
        await _lines.EndLineAsync();
        written();
    }

    /// <summary>Waits for the reader within a long line.</summary>
    public ValueTask RestAsync() => _lines.RestAsync();

    public ValueTask FlushAsync() => _lines.FlushAsync();

    public void Text(string path, string? value)
    {
        Operation("add"u8, path);
        Json.WriteString("value"u8, value);
        Json.WriteEndObject();
    }

    public void Time(string path, DateTimeOffset value)
    {
        Value(path);
        Times.Write(Json, value, Plain);
        Json.WriteEndObject();
    }

    public void Flag(string path)
    {
        Operation("add"u8, path);
        Json.WriteBoolean("value"u8, true);
        Json.WriteEndObject();
    }

    public void Seq(string path, long? value)
    {
        Value(path);
        WriteSeq(value);
        Json.WriteEndObject();
    }

    public void Empty(string path)
    {
        Value(path);
        Json.WriteStartObject();
        Json.WriteEndObject();
        Json.WriteEndObject();
    }

    public void Remove(string path)
    {
        Operation("remove"u8, path);
        Json.WriteEndObject();
    }

    public void Retention(RetentionInfo retention)
    {
        Value("/retention");
        Json.WriteStartObject();
        Json.WriteNumber("days"u8, retention.Days);
        if (retention.DisappearingSeconds is { } seconds)
            Json.WriteNumber("disappearing_seconds"u8, seconds);
        else
            Json.WriteNull("disappearing_seconds"u8);
        Json.WriteEndObject();
        Json.WriteEndObject();
    }

    public void Member(Member member, WatermarkAtMoment mark)
    {
        Value(PathOf(member.User));
        Json.WriteStartObject();
        Json.WriteString("role"u8, ConversationNames.Of(member.Role));
        Json.WriteNumber("joined_seq"u8, member.JoinedSeq);
        Json.WritePropertyName("delivered_seq"u8);
        WriteSeq(mark.Delivered);
        Json.WritePropertyName("read_seq"u8);
        WriteSeq(mark.Read);
        Json.WriteEndObject();
        Json.WriteEndObject();
    }

    public void Entry(AuditedEntry entry)
    {
        Value(PathOf(entry.Seq));
        JsonSerializer.Serialize(Json, entry, AuditJson.Default.AuditedEntry);
        Json.WriteEndObject();
    }

    public void Content(long seq, AuditedContentView? content)
    {
        Value(PathOf(seq) + "/content");
        if (content is null)
            Json.WriteNullValue();
        else
            JsonSerializer.Serialize(Json, content, AuditJson.Default.AuditedContentView);
        Json.WriteEndObject();
    }

    public void Users(string path, IReadOnlyDictionary<string, IReadOnlyList<Guid>> users)
    {
        Value(path);
        JsonSerializer.Serialize(Json, users, AuditJson.Default.IReadOnlyDictionaryStringIReadOnlyListGuid);
        Json.WriteEndObject();
    }

    public static string PathOf(UserId user) => "/members/" + user;

    public static string PathOf(long seq) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/entries/{seq}");

    /// <summary>Begins an operation with a value; <c>add</c> also replaces (RFC 6902, section 4.1).</summary>
    private void Value(string path)
    {
        Operation("add"u8, path);
        Json.WritePropertyName("value"u8);
    }

    private void Operation(ReadOnlySpan<byte> op, string path)
    {
        Json.WriteStartObject();
        Json.WriteString("op"u8, op);
        Json.WriteString("path"u8, path);
    }

    private void WriteSeq(long? value)
    {
        if (value is { } seq)
            Json.WriteNumberValue(seq);
        else
            Json.WriteNullValue();
    }
}
