using System.Text;

namespace ChatCqrs.Acceptance.Client;

/// <summary>A message as a client writes it: the body of <c>POST /v1/messages</c>, or of a <c>send</c> frame.</summary>
public sealed class Draft : Dictionary<string, object?>
{
    public Guid Id => (Guid)this["message_id"]!;

    /// <param name="receiver">A user id, a phone or a conversation id.</param>
    public static Draft To(object receiver, string text, Guid? id = null) => new()
    {
        ["message_id"] = id ?? Guid.CreateVersion7(),
        ["receiver_id"] = receiver,
        ["type"] = "text",
        ["text"] = text,
    };

    public static Draft In(Guid conversation, string text, Guid? id = null) => new()
    {
        ["message_id"] = id ?? Guid.CreateVersion7(),
        ["conversation_id"] = conversation,
        ["type"] = "text",
        ["text"] = text,
    };

    /// <summary>A copy with one field set.</summary>
    public Draft With(string field, object? value)
    {
        var copy = new Draft();
        foreach (var (name, old) in this) copy[name] = old;
        copy[field] = value;
        return copy;
    }

    public Draft Without(string field)
    {
        var copy = With(field, null);
        copy.Remove(field);
        return copy;
    }

    /// <summary>The <c>send</c> frame; <c>op</c> comes first.</summary>
    public string AsFrame() => "{\"op\":\"send\"," + Json.Write(this)[1..];

    public byte[] AsFrameBytes() => Encoding.UTF8.GetBytes(AsFrame());
}
