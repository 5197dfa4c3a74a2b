using ChatCqrs.Application.Ports;
using Grpc.Core;

namespace ChatCqrs.Infrastructure.EventStoreDb;

/// <summary>Reads what a failed call says.</summary>
internal static class Failures
{
    /// <summary>Whether the node says that another one is the leader.</summary>
    /// <param name="leader">That one; null when the node does not know it.</param>
    public static bool IsNotLeader(this RpcException failure, out NodeAddress? leader)
    {
        leader = null;
        if (failure.Trailer("exception") != "not-leader")
            return false;
        if (failure.Trailer("leader-endpoint-host") is { } host && int.TryParse(failure.Trailer("leader-endpoint-port"), out var port))
            leader = new NodeAddress(host, port);
        return true;
    }

    /// <summary>Whether the same call may succeed later; everything else is a mistake of ours.</summary>
    public static bool IsPassing(this RpcException failure) => failure.StatusCode is not
        (StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.Unimplemented or StatusCode.OutOfRange);

    /// <summary>What the server calls the failure, such as <c>stream-deleted</c>.</summary>
    public static string? Trailer(this RpcException failure, string key) => failure.Trailers.GetValue(key);

    /// <summary>What callers of <see cref="IEventStore"/> get to see.</summary>
    public static Exception Translate(RpcException failure, NodeAddress address) => failure.IsPassing()
        ? new StoreUnavailableException($"EventStoreDB at {address} cannot be reached or does not answer in time: {Text(failure)}", failure)
        : new InvalidOperationException($"EventStoreDB at {address} refuses: {Text(failure)}", failure);

    private static string Text(RpcException failure) => $"{failure.StatusCode}, {failure.Status.Detail}";
}

/// <summary>The call ended because its node is not the leader; nothing of it was appended.</summary>
internal sealed class NotLeaderException(Exception inner) : Exception("The node is not the leader.", inner);
