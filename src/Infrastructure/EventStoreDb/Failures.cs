using ChatCqrs.Application.Ports;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Interprets failed gRPC calls.</summary>
internal static class Failures
{
    /// <summary>Whether the call failed because the node is not the leader.</summary>
    /// <param name="leader">The leader's address; null when the node does not know it.</param>
    public static bool IsNotLeader(this RpcException failure, out NodeAddress? leader)
    {
        leader = null;
        if (failure.Trailer("exception") != "not-leader")
            return false;
        if (failure.Trailer("leader-endpoint-host") is { } host
            && int.TryParse(failure.Trailer("leader-endpoint-port"), out var port))
            leader = new NodeAddress(host, port);
        return true;
    }

    /// <summary>Whether a retry may succeed; the other status codes are errors of this client.</summary>
    public static bool IsPassing(this RpcException failure) => failure.StatusCode is not
        (StatusCode.InvalidArgument or StatusCode.FailedPrecondition
            or StatusCode.Unimplemented or StatusCode.OutOfRange);

    /// <summary>A trailer of the response, such as <c>exception</c> with the value <c>stream-deleted</c>.</summary>
    public static string? Trailer(this RpcException failure, string key) => failure.Trailers.GetValue(key);

    /// <summary>The exception for callers of <see cref="IEventStore"/>.</summary>
    public static Exception Translate(RpcException failure, NodeAddress address) => failure.IsPassing()
        ? new StoreUnavailableException(
            $"EventStoreDB at {address} cannot be reached or does not answer in time: {Text(failure)}", failure)
        : new InvalidOperationException($"EventStoreDB at {address} refuses: {Text(failure)}", failure);

    private static string Text(RpcException failure) => $"{failure.StatusCode}, {failure.Status.Detail}";
}
