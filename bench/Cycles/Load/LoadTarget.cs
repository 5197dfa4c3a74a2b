using System.Net;

namespace ChatCqrs.Bench.Load;

/// <summary>Where one pair talks, as whom, and what it says.</summary>
/// <param name="Writer">The access token of the one who writes.</param>
/// <param name="Reader">The access token of the one who confirms.</param>
/// <param name="Reads">Whether messages are confirmed as read instead of as delivered.</param>
internal sealed record LoadTarget(IPEndPoint Server, Guid Conversation, string Writer, string Reader, string Text, bool Reads);
