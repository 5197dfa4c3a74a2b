namespace ChatCqrs.Demo;

/// <summary>Something that the product promises was not seen.</summary>
public sealed class NotSeenException(string message) : Exception(message);
