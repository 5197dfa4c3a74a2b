using System.Net;

namespace ChatCqrs.Bench.Load;

/// <summary>The conversation of one pair, its access tokens and its text.</summary>
/// <param name="Writer">The writer's access token.</param>
/// <param name="Reader">The access token of the reader, who confirms.</param>
/// <param name="Reads">Whether messages are confirmed as read instead of as delivered.</param>
internal sealed record LoadTarget(
    IPEndPoint Server, Guid Conversation, string Writer, string Reader, string Text, bool Reads);
