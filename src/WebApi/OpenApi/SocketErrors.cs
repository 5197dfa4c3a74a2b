using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>The codes of the socket's <c>error</c> frames, which the AsyncAPI document lists.</summary>
internal static class SocketErrors
{
    /// <summary>The operations whose use cases <c>send</c>, <c>delivered</c> and <c>read</c> share.</summary>
    private static readonly string[] Shared = ["sendMessage", "acknowledgeMessages"];

    private static readonly Refusal[] Own =
    [
        Problems.Invalid, ErrorFrames.MalformedFrame, ErrorFrames.TextFramesOnly, ErrorFrames.UnknownOp,
        Refusal.RateLimited, Refusal.TooLarge, Refusal.TooManyWatched, Refusal.Unauthenticated, Refusal.TokenInvalid,
        Refusal.TokenExpired, Refusal.DeviceSignedOut, Problems.StoreUnavailable,
    ];

    public static readonly IReadOnlySet<string> Codes = OperationDescriptions.All
        .Where(operation => Shared.Contains(operation.Id)).SelectMany(operation => operation.Refusals)
        .Concat(Own).Select(refusal => refusal.Code)
        .Append(Problems.OfStatus(StatusCodes.Status500InternalServerError).Code)
        .Append(Problems.OfStatus(StatusCodes.Status503ServiceUnavailable).Code)
        .ToHashSet();
}
